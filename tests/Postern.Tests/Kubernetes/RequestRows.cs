namespace Postern.Tests.Kubernetes;

/// <summary>One row of tests/specs/kubernetes/requests.txt.</summary>
internal sealed record RequestRow(string Line, string Method, string Target, string Expected);

/// <summary>Reads the rows.</summary>
internal static class RequestRows
{
    public static IReadOnlyList<RequestRow> All { get; } =
        [.. File.ReadLines(Path.Combine(Specs.Folder("kubernetes"), "requests.txt")).Where(line => line.Length > 0 && line[0] != '#').Select(Read)];

    public static RequestRow Read(string line)
    {
        var arrow = line.IndexOf(" => ", StringComparison.Ordinal);
        var space = line.IndexOf(' ', StringComparison.Ordinal);
        return new RequestRow(line, line[..space], line[(space + 1)..arrow], line[(arrow + 4)..]);
    }
}
