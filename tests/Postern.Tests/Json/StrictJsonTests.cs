using System.Diagnostics;
using System.Globalization;
using System.Text;
using Postern.Core.Json;

namespace Postern.Tests.Json;

public sealed class StrictJsonTests
{
    public static TheoryData<string> Valid => Specs.Files("json", "y_*.json");

    public static TheoryData<string> Invalid => Specs.Files("json", "n_*.json");

    public static TheoryData<string> Ambiguous => Specs.Files("json", "i_*.json");

    [Theory]
    [MemberData(nameof(Valid))]
    public void A_valid_document_passes(string file)
    {
        var bytes = Read(file);

        Assert.Null(StrictJson.Check(bytes));
        Assert.True(JsonSamples.PlatformAccepts(bytes), "the case itself is wrong");
    }

    [Theory]
    [Row("N03"), Row("N05"), Row("N06")]
    [MemberData(nameof(Invalid))]
    public void What_is_not_json_is_refused_with_a_reason(string file)
    {
        var bytes = Read(file);

        var fault = StrictJson.Check(bytes);

        Assert.NotNull(fault);
        Assert.InRange(fault.Value.Offset, 0, bytes.Length);
        Assert.NotEmpty(fault.Value.Message);
        Assert.False(JsonSamples.PlatformAccepts(bytes), "the case itself is wrong");
    }

    [Theory]
    [Row("N01"), Row("N05")]
    [MemberData(nameof(Ambiguous))]
    public void What_two_readers_could_understand_differently_is_refused(string file)
    {
        var expected = file switch
        {
            _ when file.Contains("duplicate", StringComparison.Ordinal) => JsonFaultKind.DuplicateName,
            "i_nul_in_name.json" => JsonFaultKind.NulInName,
            "i_lone_high_cut.json" => JsonFaultKind.NotJson,
            _ => JsonFaultKind.LoneSurrogate,
        };

        Assert.Equal(expected, StrictJson.Check(Read(file))?.Kind);
    }

    [Theory]
    [Row("N06")]
    [InlineData("n_bom_utf8.json", JsonFaultKind.ByteOrderMark)]
    [InlineData("n_empty.json", JsonFaultKind.Empty)]
    [InlineData("n_space_only.json", JsonFaultKind.Empty)]
    [InlineData("n_trailing_document.json", JsonFaultKind.TrailingBytes)]
    [InlineData("n_utf8_overlong_slash.json", JsonFaultKind.InvalidUtf8)]
    [InlineData("n_depth_65.json", JsonFaultKind.TooDeep)]
    [InlineData("n_depth_10000.json", JsonFaultKind.TooDeep)]
    [InlineData("n_number_nan.json", JsonFaultKind.NotJson)]
    public void The_reason_names_the_kind_of_fault(string file, JsonFaultKind kind) => Assert.Equal(kind, StrictJson.Check(Read(file))?.Kind);

    [Fact]
    public void The_message_says_where_what_was_expected_and_what_was_found()
    {
        Assert.Equal("not JSON at byte 6: expected `,` or `}`, found `;`", StrictJson.Check("{\"a\":1;}"u8)?.Message);
        Assert.Equal("not JSON at byte 2: expected `,` or `]`, found the end", StrictJson.Check("[1"u8)?.Message);
        Assert.Equal(
            "a name stands twice in one object, again at byte 8: send each name once, however it is escaped",
            StrictJson.Check("""{"a":1,"\u0061":2}"""u8)?.Message);
    }

    [Theory]
    [Row("N03")]
    [InlineData(1)]
    [InlineData(64)]
    [InlineData(300)]
    public void The_depth_permitted_is_the_depth_asked_for(int depth)
    {
        var inside = Encoding.UTF8.GetBytes(new string('[', depth) + new string(']', depth));
        var beyond = Encoding.UTF8.GetBytes(new string('[', depth + 1) + new string(']', depth + 1));

        Assert.Null(StrictJson.Check(inside, depth));
        Assert.Equal(JsonFaultKind.TooDeep, StrictJson.Check(beyond, depth)?.Kind);
    }

    [Fact]
    [Row("N03")]
    public void A_million_names_are_refused_by_the_limit_and_checked_in_near_linear_time_without_it()
    {
        var text = new StringBuilder("{");
        for (var i = 0; i < 1_000_000; i++) text.Append(CultureInfo.InvariantCulture, $"\"k{i}\":0,");
        var unique = Encoding.UTF8.GetBytes(text + "\"z\":0}");
        var twice = Encoding.UTF8.GetBytes(text + "\"k7\":0}");

        Assert.Equal(JsonFaultKind.TooManyNames, StrictJson.Check(unique)?.Kind);
        var watch = Stopwatch.StartNew();
        Assert.Null(StrictJson.Check(unique, maxNames: int.MaxValue));
        Assert.Equal(JsonFaultKind.DuplicateName, StrictJson.Check(twice, maxNames: int.MaxValue)?.Kind);
        // Comparing every pair would take hours.
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), $"took {watch.Elapsed}");
    }

    [Fact]
    [Row("N03")]
    public void A_huge_string_is_refused_by_the_limit_before_it_is_read()
    {
        var bytes = new byte[100_000_000];
        bytes.AsSpan().Fill((byte)'a');
        bytes[0] = bytes[^1] = (byte)'"';

        Assert.Equal(JsonFaultKind.TooLarge, StrictJson.Check(bytes, maxBytes: 1_000_000)?.Kind);
        Assert.Null(StrictJson.Check(bytes));
    }

    [Fact]
    [Row("N09")]
    public void Whatever_the_bytes_the_answer_is_a_value_and_the_platform_agrees()
    {
        var samples = new JsonSamples(20_26);
        var refused = 0;
        const int Rounds = 60_000;
        for (var i = 0; i < Rounds; i++)
        {
            var bytes = (i % 4) switch
            {
                0 => Encoding.UTF8.GetBytes(samples.Document()),
                1 => samples.Noise(),
                _ => samples.Damage(Encoding.UTF8.GetBytes(samples.Document())),
            };

            var fault = StrictJson.Check(bytes);

            if (fault?.Kind == JsonFaultKind.NulInName) continue;
            if (fault is not null) refused++;
            Assert.True(fault is null == JsonSamples.PlatformAccepts(bytes), $"{fault?.Message ?? "accepted"}: {Convert.ToHexString(bytes)}");
        }
        Assert.InRange(refused, Rounds / 4, 3 * Rounds / 4);
    }

    [Fact]
    public void Checking_allocates_nothing()
    {
        var bytes = """{"id":1,"method":"x","params":{"name":"refund","arguments":{"order":9,"\u0061mount":[1,2,3]}}}"""u8.ToArray();
        StrictJson.Check(bytes);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++) StrictJson.Check(bytes);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static byte[] Read(string file) => File.ReadAllBytes(Path.Combine(Specs.Folder("json"), file));
}
