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
        var mapped = ControlRoutes.Of(null!).Concat(PolicyRoutes.Of(null!, null!, "", TimeProvider.System)).Concat(QuestionRoutes.Of(null!)).Concat(RecordingRoutes.Of(null!, null!, TimeProvider.System)).Concat(Postern.Gateway.Grants.GrantRoutes.Of(null!)).Select(route => $"{route.Operation} {route.Method} {route.Path} {route.Access}");

        Assert.Equal(mapped.Order(StringComparer.Ordinal), described.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_reference_in_the_document_leads_somewhere()
    {
        var schemas = _document.GetProperty("components").GetProperty("schemas");
        foreach (var reference in References(_document)) Assert.True(schemas.TryGetProperty(reference.Replace("#/components/schemas/", "", StringComparison.Ordinal), out _), reference);
    }

    [Fact]
    public void A_route_that_declares_no_access_does_not_start()
    {
        var app = WebApplication.CreateSlimBuilder().Build();
        var route = new ApiRoute("forgot", "GET", "/forgot") { Handle = static _ => throw new InvalidOperationException() };

        var refusal = Assert.Throws<InvalidOperationException>(() => new ApiServer(null!, "http://127.0.0.1", TimeProvider.System).Map(app, [route]));

        Assert.Contains("declares no access", refusal.Message, StringComparison.Ordinal);
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
