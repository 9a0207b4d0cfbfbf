using System.Buffers;
using System.Text;
using System.Text.Json;
using Postern.Protocols.Kubernetes.Wire;

namespace Postern.Tests.Kubernetes;

/// <summary>What is taken out of documents, and that nothing else changes.</summary>
public sealed class ObjectScrubTests
{
    [Theory]
    [InlineData("""{"kind":"Secret","data":{"a":"eA==","b":null},"stringData":{"c":"x"},"type":"Opaque"}""", """{"kind":"Secret","data":{"a":"W21hc2tlZDpzZWNyZXRd","b":null},"stringData":{"c":"[masked:secret]"},"type":"Opaque"}""")]
    [InlineData("""{"data":{"a":"eA=="},"kind":"Secret"}""", """{"data":{"a":"W21hc2tlZDpzZWNyZXRd"},"kind":"Secret"}""")]
    [InlineData("""{"kind":"ConfigMap","data":{"a":"eA=="}}""", """{"kind":"ConfigMap","data":{"a":"eA=="}}""")]
    [InlineData("""{"kind":"SecretList","items":[{"data":{"a":"eA=="}},{"metadata":{"name":"n"}}]}""", """{"kind":"SecretList","items":[{"data":{"a":"W21hc2tlZDpzZWNyZXRd"}},{"metadata":{"name":"n"}}]}""")]
    [InlineData("""{"kind":"List","items":[{"kind":"Pod","data":{"a":"b"}},{"kind":"Secret","data":{"a":"eA=="}}]}""", """{"kind":"List","items":[{"kind":"Pod","data":{"a":"b"}},{"kind":"Secret","data":{"a":"W21hc2tlZDpzZWNyZXRd"}}]}""")]
    [InlineData("""{"kind":"Table","rows":[{"cells":["s",1],"object":{"kind":"Secret","data":{"a":"eA=="}}},{"cells":[],"object":null}]}""", """{"kind":"Table","rows":[{"cells":["s",1],"object":{"kind":"Secret","data":{"a":"W21hc2tlZDpzZWNyZXRd"}}},{"cells":[],"object":null}]}""")]
    [InlineData("""{"kind":"TokenRequest","spec":{},"status":{"token":"eyJ","expirationTimestamp":"t"}}""", """{"kind":"TokenRequest","spec":{},"status":{"token":"[masked:secret]","expirationTimestamp":"t"}}""")]
    [InlineData("""{"kind":"Pod","metadata":{"name":"p","managedFields":[{"fieldsV1":{"f:a":{}}}],"uid":"u"},"spec":{"data":{"a":"b"}}}""", """{"kind":"Pod","metadata":{"name":"p","managedFields":[],"uid":"u"},"spec":{"data":{"a":"b"}}}""")]
    [InlineData("""{"kind":"Secret","metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"data\":{\"a\":\"eA==\"}}","x":"y"}}}""", """{"kind":"Secret","metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}","x":"y"}}}""")]
    [InlineData("""{"kind":"Secret","data":"odd","metadata":7}""", """{"kind":"Secret","data":null,"metadata":7}""")]
    [InlineData("""{"kind":"Secret","data":{"a":{"b":["eA=="]}}}""", """{"kind":"Secret","data":{"a":"W21hc2tlZDpzZWNyZXRd"}}""")]
    [InlineData("""{"\u006bind":"S\u0065cret","d\u0061ta":{"a":"eA=="}}""", """{"\u006bind":"S\u0065cret","d\u0061ta":{"a":"W21hc2tlZDpzZWNyZXRd"}}""")]
    [InlineData("""{"kind":"List","items":[{"data":{"a":"x}],{\"kind\":\"Pod\""},"kind":"Secret"}]}""", """{"kind":"List","items":[{"data":{"a":"W21hc2tlZDpzZWNyZXRd"},"kind":"Secret"}]}""")]
    [InlineData("[1,2]", "[1,2]")]
    [InlineData("\"x\"", "\"x\"")]
    [Row("K08")]
    [Row("K17")]
    public void Values_go_and_names_stay(string document, string expected) => Assert.Equal(expected, Scrub(document, areSecrets: false));

    [Theory]
    [InlineData("""{"kind":"PartialObjectMetadataList","items":[{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"eA=="}}}]}""")]
    [InlineData("""{"kind":"Odd","data":{"a":"eA=="}}""")]
    [InlineData("""{"data":{"a":"eA=="}}""")]
    [InlineData("""{"kind":"OddList","items":[{"kind":"Pod","data":{"a":"eA=="}}]}""")]
    [InlineData("""{"kind":"Table","rows":[{"object":{"kind":"PartialObjectMetadata","metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"eA=="}}}}]}""")]
    [Row("K08")]
    public void Where_Secrets_are_asked_for_every_object_is_one(string document) => Assert.DoesNotContain("eA==", Scrub(document, areSecrets: true), StringComparison.Ordinal);

    [Fact]
    public void The_placeholder_is_the_base_64_of_its_text() => Assert.Equal(ObjectScrub.EncodedPlaceholder, Convert.ToBase64String(Encoding.UTF8.GetBytes(ObjectScrub.Placeholder)));

    [Fact]
    public void What_is_written_is_JSON_and_the_same_the_second_time()
    {
        const string document = """ { "kind" : "SecretList" , "metadata":{"managedFields":[1]}, "items" : [ { "data" : { "a" : "eA==" , "b" : "eQ==" } , "metadata" : { "managedFields" : [ { } ] , "name" : "n" } } ] } """;
        var once = Scrub(document, areSecrets: false);

        using var parsed = JsonDocument.Parse(once);
        Assert.Equal(once, Scrub(once, areSecrets: false));
        Assert.Equal("n", parsed.RootElement.GetProperty("items")[0].GetProperty("metadata").GetProperty("name").GetString());
    }

    private static string Scrub(string document, bool areSecrets)
    {
        var output = new ArrayBufferWriter<byte>();
        var found = ObjectScrub.Document(Encoding.UTF8.GetBytes(document), areSecrets, output);
        Assert.Equal(found.IsChanged, output.WrittenCount > 0);
        return found.IsChanged ? Encoding.UTF8.GetString(output.WrittenSpan) : document;
    }
}
