using System.Text.RegularExpressions;
using Postern.Tests.Gateway;

namespace Postern.Tests.Architecture;

/// <summary>The walls that folders alone do not give. What fails here is a line in the wrong place, not a wrong line.</summary>
public sealed partial class LayersTests
{
    [Fact]
    public void Core_contains_no_protocol_word()
    {
        var found = SourceFile.Below("src", "Postern.Core").SelectMany(file => file.LinesWhere(line => ProtocolWord().IsMatch(WithoutReferences(line))));

        Assert.Empty(found);
    }

    [Fact]
    public void Core_refers_to_no_project_of_ours_and_to_no_socket()
    {
        var found = SourceFile.Below("src", "Postern.Core")
            .SelectMany(file => file.LinesWhere(line => Using().Match(line) is { Success: true } match && IsOutsideCore(match.Groups["name"].Value)));

        Assert.Empty(found);
    }

    [Fact]
    public void No_protocol_refers_to_another()
    {
        // `HttpData` is no protocol: it is what those that speak HTTP stand on, and may itself refer to none.
        var folders = Directory.GetDirectories(Repository.PathOf("src", "Postern.Protocols")).Select(Path.GetFileName).Where(name => name is not ("bin" or "obj")).ToArray();
        var protocols = folders.Where(name => name is not "HttpData").ToArray();
        Assert.Contains("Mcp", protocols);
        Assert.Contains("Http", protocols);

        var found =
            from protocol in folders
            from file in SourceFile.Below("src", "Postern.Protocols", protocol!)
            from other in protocols
            where other != protocol
            from line in file.LinesWhere(line => Regex.IsMatch(line, $@"\bProtocols\.{other}\b", RegexOptions.NonBacktracking))
            select line;

        Assert.Empty(found);
    }

    [Fact]
    public void Wire_refers_to_nothing_of_ours_but_strict_json()
    {
        var wire = SourceFile.Below("src", "Postern.Protocols").Where(file => file.Path.Contains("/Wire/", StringComparison.Ordinal)).ToArray();
        Assert.NotEmpty(wire);

        var found = wire.SelectMany(file => file.LinesWhere(line =>
            OurName().Matches(line).Select(match => match.Value).Any(name => !IsWireOrJson(name) && !line.TrimStart().StartsWith("namespace ", StringComparison.Ordinal))));

        Assert.Empty(found);
    }

    private static bool IsWireOrJson(string name) =>
        name.StartsWith("Postern.Core.Json", StringComparison.Ordinal) || WireName().IsMatch(name);

    private static bool IsOutsideCore(string name) =>
        (name.StartsWith("Postern.", StringComparison.Ordinal) && !name.StartsWith("Postern.Core", StringComparison.Ordinal))
        || name.StartsWith("System.Net.Sockets", StringComparison.Ordinal)
        || name.StartsWith("System.Net.Http", StringComparison.Ordinal)
        || name.StartsWith("Microsoft.AspNetCore", StringComparison.Ordinal)
        || name.StartsWith("Microsoft.Data", StringComparison.Ordinal);

    /// <summary>Numbers of RFCs and links name where a rule comes from; they are no dependency on a protocol.</summary>
    private static string WithoutReferences(string line) => Link().Replace(line, string.Empty);

    [GeneratedRegex(@"\b(mcp|json-?rpc|initialize|kubernetes|k8s|kubectl|postgres(ql)?|mysql|mariadb|ssh|sftp|sql|http|grpc|server-sent|tools?/call|jsonrpc|pods?|psql)\b", RegexOptions.IgnoreCase | RegexOptions.NonBacktracking)]
    private static partial Regex ProtocolWord();

    [GeneratedRegex(@"https?://\S*", RegexOptions.NonBacktracking)]
    private static partial Regex Link();

    [GeneratedRegex(@"^\s*(?:global\s+)?using\s+(?:static\s+)?(?:\w+\s*=\s*)?(?<name>[\w.]+);", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Using();

    [GeneratedRegex(@"\bPostern(\.\w+)+", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex OurName();

    [GeneratedRegex(@"^Postern\.Protocols\.\w+\.Wire\b", RegexOptions.NonBacktracking)]
    private static partial Regex WireName();
}
