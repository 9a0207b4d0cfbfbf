using System.Collections.Immutable;
using Microsoft.AspNetCore.Http;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Gateway.Policies;
using Postern.Protocols.Mcp;

namespace Postern.Gateway.Api;

/// <summary>What the route about tools works on.</summary>
internal sealed record ToolParts(IConnectionDirectory Connections, IPolicySource Policies, Func<Identity, Connection, DateTimeOffset, IEnumerable<McpOffer>> Offers, TimeProvider Clock);

/// <summary>The route that tells what a connection offers, and what of it the asker may call.</summary>
internal static class ToolRoutes
{
    public static ImmutableArray<ApiRoute> Of(ToolParts parts) =>
    [
        new("listTools", "GET", "/connections/{connection}/tools") { Access = ApiAccess.Signed, Action = "connections.list", Wider = GatewayVocabulary.AcceptDefinitions, Handle = call => ValueTask.FromResult(List(parts, call)) },
    ];

    private static ApiAnswer List(ToolParts parts, ApiCall call)
    {
        var now = parts.Clock.GetUtcNow();
        // Hidden and absent cannot be told apart: not by a name, and not by which protocol it speaks.
        if (parts.Connections.Find(call.Value("connection")) is not { } connection || (!call.IsWider && parts.Policies.Consider(call.Identity, GatewayVocabulary.Glimpse(connection, now), now) == Possibility.Never)) return ApiAnswer.NotFound();
        if (connection.Protocol != McpProtocol.ProtocolName) return new ApiAnswer.Problem(StatusCodes.Status409Conflict, RefusalCode.InvalidRequest, $"A target that speaks {connection.Protocol} has no list of tools; ask can-i.");
        // What the asker could not call, or waits to be accepted, is not shown, as in the lists that agents get; but to those who accept definitions.
        return ApiAnswer.List(parts.Offers(call.Identity, connection, now).Where(offer => call.IsWider || offer.May != Possibility.Never), static (json, offer) =>
        {
            json.WriteStartObject();
            json.WriteString("name", offer.Stored.Name);
            json.WriteString("may", offer.May switch { Possibility.Always => "always", Possibility.Possible => "sometimes", _ => "never" });
            json.WriteString("state", offer.Stored.AcceptedHash == offer.Stored.SeenHash ? "accepted" : offer.Stored.AcceptedHash is null ? "new" : "changed");
            json.WriteEndObject();
        });
    }
}
