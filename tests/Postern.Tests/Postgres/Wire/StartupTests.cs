using System.Collections.Immutable;
using Postern.Protocols.Postgres.Wire;

namespace Postern.Tests.Postgres.Wire;

public sealed class StartupTests
{
    [Fact]
    public void The_usual_parameters_pass_and_the_missing_database_has_the_users_name()
    {
        Assert.Null(Check(out var user, out var database, out var application, out var settings,
            ("user", "any one"), ("application_name", "psql"), ("client_encoding", "UTF8"), ("DateStyle", "ISO, DMY"), ("TimeZone", "Europe/Berlin"), ("extra_float_digits", "3")));
        Assert.Equal("any one", user);
        Assert.Equal("any one", database);
        Assert.Equal("psql", application);
        Assert.Equal(["application_name", "DateStyle", "TimeZone", "extra_float_digits"], settings.Select(setting => setting.Key));
    }

    [Theory]
    [Row("Q11")]
    [InlineData("options", "-c search_path=evil")]
    [InlineData("replication", "database")]
    [InlineData("_pq_.command_progress", "1")]
    [InlineData("search_path", "evil, public")]
    [InlineData("role", "postgres")]
    [InlineData("session_authorization", "postgres")]
    [InlineData("client_encoding", "SJIS")]
    [InlineData("standard_conforming_strings", "off")]
    [InlineData("DateStyle", "ISO'; drop table t; --")]
    [InlineData("extra_float_digits", "99")]
    [InlineData("never_heard_of", "1")]
    [InlineData("User", "second")]
    public void Any_other_parameter_or_value_is_refused_by_its_name(string name, string value)
    {
        var complaint = Check(out _, out _, out _, out var settings, ("user", "a"), ("database", "b"), (name, value));
        Assert.Contains($"`{name}`", complaint, StringComparison.Ordinal);
        Assert.DoesNotContain(value, complaint!.Replace($"`{name}`", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.True(settings.IsEmpty);
    }

    [Fact]
    [Row("Q11")]
    public void A_parameter_that_stands_there_twice_in_whatever_case_is_refused()
    {
        Assert.Throws<WireException>(() => Startup.Read([.. Messages.Text("user"), .. Messages.Text("a"), .. Messages.Text("USER"), .. Messages.Text("b"), 0]));
        Assert.Throws<WireException>(() => Startup.Read([.. Messages.Text("user"), .. Messages.Text("a\n"), 0]));
        Assert.Throws<WireException>(() => Startup.Read([.. Messages.Text("user"), .. Messages.Text("a"), 0, 1]));
    }

    [Theory]
    [Row("Q14")]
    [InlineData(8, 0x00020000)]
    [InlineData(7, 0x00030000)]
    [InlineData(8, 0x00030000)]
    [InlineData(-1, 0x00030000)]
    [InlineData(Startup.Longest + 1, 0x00030000)]
    [InlineData(int.MaxValue, 0x00030000)]
    [InlineData(9, 80877103)]
    [InlineData(12, 80877104)]
    [InlineData(8, 80877102)]
    [InlineData(300, 80877102)]
    public void A_first_packet_of_another_protocol_or_an_impossible_length_is_refused(int length, int code) =>
        Assert.Throws<WireException>(() => Startup.KindOf([.. Messages.Int32(length), .. Messages.Int32(code)], out _, out _));

    [Fact]
    public void A_newer_minor_version_is_told_apart_so_that_it_can_be_negotiated_down()
    {
        Assert.Equal(StartupKind.Session, Startup.KindOf([.. Messages.Int32(100), .. Messages.Int32(0x00030002)], out _, out var minor));
        Assert.Equal(2, minor);
    }

    private static string? Check(out string user, out string database, out string application, out ImmutableArray<KeyValuePair<string, string>> settings, params (string Name, string Value)[] all) =>
        StartupParameters.Check([.. all.Select(one => KeyValuePair.Create(one.Name, one.Value))], out user, out database, out application, out settings);
}
