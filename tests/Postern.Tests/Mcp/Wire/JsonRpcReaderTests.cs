using System.Text;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Tests.Mcp.Wire;

public sealed class JsonRpcReaderTests
{
    private const string Call =
        """ {"jsonrpc":"2.0","id":"a\u0062","method":"tools\/call","params":{"name":"get_orders","arguments":{"id":7,"name":"x"},"_meta":{"progressToken":9,"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"claude","version":"1"}}}} """;

    [Fact]
    public void One_pass_gives_the_envelope_and_where_its_pieces_stand()
    {
        var bytes = Encoding.UTF8.GetBytes(Call);

        var message = JsonRpcReader.Read(bytes);

        Assert.Equal(JsonRpcKind.Request, message.Kind);
        Assert.Equal("tools/call", message.Method);
        Assert.Equal("\"a\\u0062\"", Text(message.Id));
        Assert.Equal("get_orders", message.Name);
        Assert.Equal("{\"id\":7,\"name\":\"x\"}", Text(message.Arguments));
        Assert.Equal("9", Text(message.ProgressToken));
        Assert.Equal("2026-07-28", message.MetaVersion);
        Assert.Equal("claude", message.ClientName);

        string Text(ByteRange range) => Encoding.UTF8.GetString(range.Of(bytes.AsSpan()));
    }

    [Theory]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"ping"}""", "Request")]
    [InlineData("""{"jsonrpc":"2.0","method":"notifications/initialized"}""", "Notification")]
    [InlineData("""{"jsonrpc":"2.0","id":"x","result":{}}""", "Result")]
    [InlineData("""{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x"}}""", "Error")]
    public void Every_kind_is_told_apart(string json, string kind) => Assert.Equal(kind, JsonRpcReader.Read(Encoding.UTF8.GetBytes(json)).Kind.ToString());

    [Theory]
    [Row("P07")]
    [InlineData("""[{"jsonrpc":"2.0","id":1,"method":"ping"}]""")]
    [InlineData("[]")]
    public void Batches_are_refused_whole(string json) => Assert.Contains("batches", Fault(json), StringComparison.Ordinal);

    [Theory]
    [Row("P09")]
    [InlineData("null")]
    [InlineData("1.5")]
    [InlineData("1e3")]
    [InlineData("1E0")]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("true")]
    public void An_id_is_text_or_an_integer(string id) =>
        Assert.Contains("`id`", Fault($$$"""{"jsonrpc":"2.0","id":{{{id}}},"method":"tools/call","params":{"name":"a"}}"""), StringComparison.Ordinal);

    [Fact]
    [Row("P09")]
    public void An_id_beyond_double_precision_keeps_its_digits()
    {
        var bytes = """{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}"""u8;

        Assert.Equal("9007199254740993", Encoding.UTF8.GetString(JsonRpcReader.Read(bytes).Id.Of(bytes)));
    }

    [Theory]
    [Row("N01")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"tools/call"}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"},"params":{"name":"b"}}""")]
    public void A_reserved_key_stands_once(string json) => Assert.Contains("twice", Fault(json), StringComparison.Ordinal);

    [Theory]
    [Row("N02")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"ping","ID":2}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","N\u0061me":"b"}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"},"param\u017f":{"name":"b"}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","argument\u017f":{}}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","_META":{}}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","ta\u212A":1,"tas\u212A":{}}}""")]
    public void A_key_written_almost_like_a_reserved_one_is_refused(string json) => Assert.Contains("almost like", Fault(json), StringComparison.Ordinal);

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("\uFEFF{}")]
    [InlineData("7")]
    [InlineData("{} {}")]
    [InlineData("""{"jsonrpc":"1.0","id":1,"method":"ping"}""")]
    [InlineData("""{"id":1,"method":"ping"}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"result":{},"error":{}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"a","result":{}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":7}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"a","params":[1]}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\ud800"}}""")]
    public void What_is_no_message_says_what_is_wrong(string json) => Assert.NotEmpty(Fault(json));

    [Fact]
    [Row("N05")]
    public void Invalid_UTF8_is_refused() =>
        Assert.Equal(JsonRpcKind.Invalid, JsonRpcReader.Read([.. """{"jsonrpc":"2.0","id":1,"method":"ping","x":" """u8, 0xC0, 0xAF, .. "\"}"u8]).Kind);

    [Fact]
    [Row("N09")]
    public void Mutated_and_random_bytes_never_throw()
    {
        var random = new Random(3);
        var seed = Encoding.UTF8.GetBytes(Call);
        for (var round = 0; round < 20_000; round++)
        {
            var bytes = (byte[])seed.Clone();
            for (var i = random.Next(1, 6); i > 0; i--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            var length = random.Next(3) == 0 ? random.Next(bytes.Length) : bytes.Length;
            var message = JsonRpcReader.Read(bytes.AsSpan(0, length));
            Assert.Equal(message.Kind == JsonRpcKind.Invalid, message.Fault is not null);
        }
    }

    private static string Fault(string json)
    {
        var message = JsonRpcReader.Read(Encoding.UTF8.GetBytes(json));
        Assert.Equal(JsonRpcKind.Invalid, message.Kind);
        return message.Fault!;
    }
}
