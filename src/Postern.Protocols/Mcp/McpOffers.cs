using Postern.Core.Operations;
using Postern.Core.Policy;

namespace Postern.Protocols.Mcp;

/// <summary>A tool of a connection, and what one identity may do with it.</summary>
/// <param name="Stored">What is known of it.</param>
/// <param name="May">Whether it may be called, its arguments unknown.</param>
public sealed record McpOffer(StoredDefinition Stored, Possibility May);

/// <summary>What a connection offers, as one identity may use it: the judgement by which lists are filtered.</summary>
public static class McpOffers
{
    /// <summary>Every tool that is known of a connection, by name, with what the identity may do.</summary>
    public static IEnumerable<McpOffer> For(McpDefinitions definitions, IPolicySource policies, Identity identity, Connection connection, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(definitions);
        ArgumentNullException.ThrowIfNull(policies);
        ArgumentNullException.ThrowIfNull(identity);
        ArgumentNullException.ThrowIfNull(connection);
        var origin = new McpOrigin(connection, null, null);
        return definitions.Of(connection.Name)
            .Where(stored => stored.Fact == McpVocabulary.Tool)
            .OrderBy(stored => stored.Name, StringComparer.Ordinal)
            .Select(stored => new McpOffer(stored, MayOf(stored)));

        Possibility MayOf(StoredDefinition stored)
        {
            var operation = McpOperations.ForListing(origin, stored.Fact, stored.Name, definitions.PinOf(connection.Name, stored.Fact, stored.Name), now);
            // A name that a mask hides is in no list, so it is not in this one.
            return policies.Current.MasksFor(identity, operation).Caller.Hides(stored.Name) ? Possibility.Never : policies.Consider(identity, operation, now);
        }
    }
}
