using Postern.Protocols.Kubernetes.Wire;

namespace Postern.Tests.Kubernetes;

/// <summary>tests/specs/kubernetes/requests.txt, row by row. The same rows are put to a real API server in Conformance.</summary>
public sealed class RequestInfoTests
{
    public static TheoryData<string> Rows => [.. RequestRows.All.Select(row => row.Line)];

    [Theory]
    [MemberData(nameof(Rows))]
    [Row("K11")]
    [Row("K10")]
    [Row("K03")]
    public void A_request_asks_what_its_row_says(string line)
    {
        var row = RequestRows.Read(line);

        Assert.Equal(row.Expected, Attributes(row.Method, row.Target));
    }

    [Fact]
    public void There_are_at_least_300_rows_and_none_twice()
    {
        var rows = RequestRows.All;

        Assert.True(rows.Count >= 300, $"{rows.Count} rows");
        Assert.Equal(rows.Count, rows.Select(row => $"{row.Method} {row.Target}").Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public void No_bytes_make_it_throw()
    {
        var letters = "/api/v1/namespaces%2f%41%ff?=&+;.#\\ watch\0é"u8.ToArray();
        var random = new Random(7);
        var read = 0;
        for (var round = 0; round < 20_000; round++)
        {
            var text = new char[random.Next(40)];
            for (var at = 0; at < text.Length; at++) text[at] = (char)letters[random.Next(letters.Length)];
            if (Attributes("GET", "/api/v1/" + new string(text)) != "refused") read++;
        }
        Assert.InRange(read, 1, 19_999);
    }

    private static string Attributes(string method, string target)
    {
        var question = target.IndexOf('?', StringComparison.Ordinal);
        if (!QueryText.TryRead(question < 0 ? "" : target[(question + 1)..], out var query, out var fault)
            || !RequestInfo.TryRead(method, question < 0 ? target : target[..question], query, out var info, out fault))
        {
            Assert.False(string.IsNullOrEmpty(fault));
            return "refused";
        }
        return info.IsResource
            ? $"{info.Verb} {(info.Group.Length > 0 ? $"{info.Group}/" : "")}{info.Version} {info.Resource}{(info.Subresource.Length > 0 ? $"/{info.Subresource}" : "")} {Or(info.Namespace)} {Or(info.Name)}"
            : $"nonresource {info.Verb} {info.Path}";
    }

    private static string Or(string text) => text.Length == 0 ? "-" : text;
}
