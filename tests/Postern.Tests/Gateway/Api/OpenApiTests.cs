using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Postern.Gateway.Api;

namespace Postern.Tests.Gateway.Api;

public sealed class OpenApiTests
{
    private static readonly JsonElement _document = JsonDocument.Parse(File.ReadAllText(Repository.PathOf("src", "Postern.Gateway", "openapi.json"))).RootElement;

    [Fact]
    public void The_document_describes_exactly_the_routes_that_are_mapped_and_their_access()
    {
        var described = _document.GetProperty("paths").EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject().Select(method => $"{method.Value.GetProperty("operationId").GetString()} {method.Name.ToUpperInvariant()} {path.Name} {AccessOf(method.Value)}"));
        var mapped = RouteTable.Routes.Select(route => $"{route.Operation} {route.Method} {route.Path} {route.Access}");

        Assert.Equal(mapped.Order(StringComparer.Ordinal), described.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_reference_in_the_document_leads_somewhere()
    {
        var schemas = _document.GetProperty("components").GetProperty("schemas");
        foreach (var reference in References(_document)) Assert.True(schemas.TryGetProperty(reference.Replace("#/components/schemas/", "", StringComparison.Ordinal), out _), reference);
    }

    [Theory]
    [Row("T05")]
    [InlineData(ApiAccess.Undeclared, "whoami.read", null, "declares no access")]
    [InlineData(ApiAccess.Signed, "whoami.raed", null, "not in the gateway's vocabulary")]
    [InlineData(ApiAccess.Signed, "", null, "not in the gateway's vocabulary")]
    [InlineData(ApiAccess.Signed, "policy.load", null, "not in the gateway's vocabulary")]
    [InlineData(ApiAccess.Open, "policy.read", null, "open to everyone")]
    [InlineData(ApiAccess.Signed, "whoami.read", "whoami.read", "which no rule can give")]
    public void A_route_that_does_not_say_who_may_use_it_and_what_using_it_is_does_not_start(object access, string action, string? wider, string complaint)
    {
        var app = WebApplication.CreateSlimBuilder().Build();
        var route = new ApiRoute("forgot", "GET", "/forgot") { Access = (ApiAccess)access, Action = action, Wider = wider, Handle = static _ => throw new InvalidOperationException() };

        var refusal = Assert.Throws<InvalidOperationException>(() => new ApiServer(null!).Map(app, [route]));

        Assert.Contains(complaint, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    [Row("T05")]
    public void What_a_body_may_hold_is_described_as_it_is_declared()
    {
        foreach (var route in RouteTable.Routes.Where(route => route.Method == "POST"))
        {
            var described = _document.GetProperty("paths").GetProperty(route.Path).GetProperty("post").GetProperty("requestBody").GetProperty("content").GetProperty("application/json").GetProperty("schema").GetProperty("properties").EnumerateObject().Select(member => member.Name);

            Assert.Equal(route.Body.Order(StringComparer.Ordinal), described.Order(StringComparer.Ordinal));
        }
    }

    private static ApiAccess AccessOf(JsonElement method)
    {
        var names = method.GetProperty("security").EnumerateArray().SelectMany(one => one.EnumerateObject()).Select(scheme => scheme.Name).ToArray();
        return names.Length == 0 ? ApiAccess.Open
            : names.Contains("formSession") ? ApiAccess.Asking
            : names.Contains("token") && names.Contains("freshSession") ? ApiAccess.Judged
            : names.Contains("token") ? ApiAccess.Signed
            : ApiAccess.FreshBrowser;
    }

    private static IEnumerable<string> References(JsonElement node) => node.ValueKind switch
    {
        JsonValueKind.Object => node.EnumerateObject().SelectMany(member => member.NameEquals("$ref") ? [member.Value.GetString()!] : References(member.Value)),
        JsonValueKind.Array => node.EnumerateArray().SelectMany(References),
        _ => [],
    };
}
