using System.Net;
using System.Text;
using Postern.Protocols.Http;
using Postern.Tests.Gateway;

namespace Postern.Tests.Http;

/// <summary>Requests that a document gives names and types.</summary>
public sealed class OpenApiTests
{
    private const string Document = """
        {"openapi":"3.1.0","info":{"title":"t","version":"1"},
         "paths":{
          "/invoices":{"get":{"operationId":"listInvoices","parameters":[{"$ref":"#/components/parameters/Limit"},{"name":"tag","in":"query","schema":{"type":"array","items":{"type":"string"}}}]},"post":{"operationId":"addInvoice"}},
          "/invoices/{id}":{"parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"integer"}}],"get":{"operationId":"getInvoice"},"delete":{"summary":"no name"}},
          "/invoices/drafts":{"get":{"operationId":"listDrafts"}}},
         "components":{"parameters":{"Limit":{"name":"limit","in":"query","schema":{"type":"integer"}}}}}
        """;

    private const string Policy = """
        version: 1
        rules:
          - { id: lists, who: { groups: [support] }, on: { connection: api, operations: [listInvoices] }, when: "args.?limit.orValue(10) <= 100", then: allow }
          - { id: one, who: { groups: [support] }, on: { connection: api, operations: [getInvoice] }, when: "args.id < 1000", then: allow }
        """;

    [Fact]
    public async Task Policies_speak_of_operations_and_their_typed_arguments()
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("openapi.json", Document);
        await using var bed = await HttpBed.StartAsync(policy: Policy, change: connection => new() { Name = connection.Name, Protocol = connection.Protocol, Url = connection.Url, OpenApi = path });

        async Task<HttpStatusCode> Status(string method, string target) => (await bed.SendAsync(method, target, method == "POST" ? "{}" : null)).Status;

        Assert.Equal(HttpStatusCode.OK, await Status("GET", "/invoices?limit=100&tag=a&tag=b"));
        Assert.Equal(HttpStatusCode.Forbidden, await Status("GET", "/invoices?limit=101"));
        Assert.Equal(HttpStatusCode.BadRequest, await Status("GET", "/invoices?limit=ten"));
        Assert.Equal(HttpStatusCode.BadRequest, await Status("GET", "/invoices?limit=1&limit=500"));
        Assert.Equal(HttpStatusCode.OK, await Status("GET", "/invoices/7"));
        Assert.Equal(HttpStatusCode.Forbidden, await Status("GET", "/invoices/7000"));
        Assert.Equal(HttpStatusCode.BadRequest, await Status("GET", "/invoices/x"));
        // Written out goes before a template; what has no name is nobody's.
        Assert.Equal(HttpStatusCode.Forbidden, await Status("GET", "/invoices/drafts"));
        Assert.Equal(HttpStatusCode.Forbidden, await Status("DELETE", "/invoices/7"));
        Assert.Equal(HttpStatusCode.Forbidden, await Status("POST", "/invoices"));
        Assert.Equal(HttpStatusCode.Forbidden, await Status("GET", "/elsewhere"));
        Assert.Equal(2, bed.Target.Requests.Count);
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("{}")]
    [InlineData("""{"openapi":"3.0.0","paths":{}}""")]
    [InlineData("""{"swagger":"2.0","paths":{}}""")]
    [InlineData("""{"openapi":"3.0.0","paths":{"/a":{"get":{"operationId":"x"}},"/b":{"get":{"operationId":"x"}}}}""")]
    [InlineData("""{"openapi":"3.0.0","paths":{"/a/{b}":{"get":{"operationId":"x"}},"/a/{c}":{"get":{"operationId":"y"}}}}""")]
    [InlineData("""{"openapi":"3.0.0","paths":{"/a":{"$ref":"https://evil.test/x"}}}""")]
    [InlineData("""{"openapi":"3.0.0","paths":{"/a{b}":{"get":{"operationId":"x"}}}}""")]
    public void A_document_that_has_no_one_reading_is_refused(string document) =>
        Assert.Throws<FormatException>(() => new HttpProtocol().Describe("api", Encoding.UTF8.GetBytes(document)));
}
