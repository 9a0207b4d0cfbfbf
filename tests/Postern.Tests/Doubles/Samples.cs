using System.Collections.Immutable;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Recording;

namespace Postern.Tests.Doubles;

/// <summary>Plain, valid values for tests that care about something else.</summary>
internal static class Samples
{
    public static readonly Connection Museum = new("museum", "toy", "toy://museum", []);

    public static readonly PolicyVersion Version = new(1, Digest.Of("policy"u8));

    public static Identity Person(string subject = "alice", params ImmutableArray<string> groups) => new()
    {
        Issuer = "demo", Subject = subject, Kind = IdentityKind.Person, Agent = "test-agent", Groups = groups, DisplayName = subject,
    };

    public static Intent Intent()
    {
        var id = OperationId.New(new DateTimeOffset(2026, 11, 21, 12, 0, 0, TimeSpan.Zero));
        return new Intent(
            id, "S1", new DateTimeOffset(2026, 11, 21, 12, 0, 0, TimeSpan.Zero), Person(), Museum, [new Part { Action = "toy.look" }], "client",
            new Masked<ReadOnlyMemory<byte>>("{}"u8.ToArray()), 2, Digest.Of("{}"u8), null, new Decision.Allow(Version, [], "test"), null);
    }
}
