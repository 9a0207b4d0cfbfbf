using System.Text;
using Postern.Protocols.Kubernetes.Wire;

namespace Postern.Tests.Kubernetes;

/// <summary>Protobuf of the small kinds as JSON; what it is not sure of it does not read.</summary>
public sealed class ProtobufBodyTests
{
    [Fact]
    [Row("K07")]
    public void A_config_map_reads_as_what_it_says()
    {
        var metadata = Message(1, Text(1, "c"), Text(2, ""), Message(8), Message(11, Text(1, "a"), Text(2, "b")));
        var body = Body("v1", "ConfigMap", [.. metadata, .. Message(2, Text(1, "mode"), Text(2, "fast")), .. Message(3, Text(1, "raw"), Text(2, "x"))]);

        Assert.Equal("""{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c","creationTimestamp":null,"labels":{"a":"b"}},"data":{"mode":"fast"},"binaryData":{"raw":"eA=="}}""", Read(body));
    }

    [Fact]
    public void Lists_and_numbers_keep_their_order_and_sign()
    {
        var body = Body("authentication.k8s.io/v1", "TokenRequest", Message(2, Text(1, "a"), Text(1, "b"), [0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]));

        Assert.Equal("""{"kind":"TokenRequest","apiVersion":"authentication.k8s.io/v1","spec":{"audiences":["a","b"],"expirationSeconds":-1}}""", Read(body));
    }

    [Theory]
    [InlineData("v1")]
    [InlineData("apps/v1")]
    public void The_options_of_a_delete_are_the_same_in_every_group(string apiVersion)
    {
        var body = Body(apiVersion, "DeleteOptions", [0x08, 0x00, .. Message(2, Text(1, "u")), .. Text(4, "Background"), .. Text(5, "All")]);

        Assert.Equal($$$"""{"kind":"DeleteOptions","apiVersion":"{{{apiVersion}}}","gracePeriodSeconds":0,"preconditions":{"uid":"u"},"propagationPolicy":"Background","dryRun":["All"]}""", Read(body));
    }

    [Theory]
    [InlineData("an unknown kind", "v1", "Pod", "")]
    [InlineData("a known kind of another group", "example.com/v1", "ConfigMap", "")]
    [InlineData("a part of a kind, by its own name", "v1", "ObjectMeta", "")]
    [InlineData("options that are not known", "v1", "DeleteOptions", "3001")]
    [InlineData("an unknown field", "v1", "ConfigMap", "f80100")]
    [InlineData("a field of another type", "v1", "ConfigMap", "0801")]
    [InlineData("a field that stands twice", "v1", "ConfigMap", "0a000a00")]
    [InlineData("fields out of order", "v1", "ConfigMap", "12000a00")]
    [InlineData("a length beyond the end", "v1", "ConfigMap", "0a05")]
    [InlineData("a varint without end", "v1", "ConfigMap", "2080")]
    [InlineData("a varint too long", "v1", "ConfigMap", "20ffffffffffffffffff7f")]
    [InlineData("a boolean of two", "v1", "ConfigMap", "2002")]
    [InlineData("text that is not UTF-8", "v1", "ConfigMap", "0a030a01ff")]
    [InlineData("field zero", "v1", "ConfigMap", "0200")]
    [InlineData("a group", "v1", "ConfigMap", "0b0c")]
    [InlineData("a pair with a third member", "v1", "ConfigMap", "12070a0161120162180a")]
    [Row("K07")]
    [Guarantee("G5")]
    public void What_could_say_something_else_is_not_read(string why, string apiVersion, string kind, string hex)
    {
        Assert.NotEmpty(why);
        Assert.Null(Read(Body(apiVersion, kind, Convert.FromHexString(hex))));
    }

    [Fact]
    public void No_bytes_make_it_throw()
    {
        var sound = Body("v1", "ConfigMap", [.. Message(1, Text(1, "c"), Message(11, Text(1, "a"), Text(2, "b"))), .. Message(2, Text(1, "mode"), Text(2, "fast"))]);
        var random = new Random(11);
        for (var round = 0; round < 20_000; round++)
        {
            var bytes = sound.ToArray();
            for (var change = random.Next(1, 4); change > 0; change--) bytes[random.Next(4, bytes.Length)] = (byte)random.Next(256);
            if (Read(bytes[..random.Next(4, bytes.Length + 1)]) is { } json) System.Text.Json.JsonDocument.Parse(json).Dispose();
        }
    }

    private static string? Read(byte[] body) => ProtobufBody.TryRead(body, out var json) ? Encoding.UTF8.GetString(json.Span) : null;

    private static byte[] Body(string apiVersion, string kind, byte[] raw) => [.. "k8s\0"u8, .. Message(1, Text(1, apiVersion), Text(2, kind)), .. Bytes(2, raw), .. Text(3, ""), .. Text(4, "")];

    private static byte[] Text(int number, string text) => Bytes(number, Encoding.UTF8.GetBytes(text));

    private static byte[] Message(int number, params byte[][] fields) => Bytes(number, [.. fields.SelectMany(field => field)]);

    private static byte[] Bytes(int number, byte[] bytes) => [(byte)((number << 3) | 2), (byte)bytes.Length, .. bytes];
}
