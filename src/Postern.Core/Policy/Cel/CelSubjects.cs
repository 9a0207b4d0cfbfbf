using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Postern.Core.Operations;

namespace Postern.Core.Policy.Cel;

/// <summary>The fields of <c>who</c> and <c>connection</c>. Qualified names, as everywhere in a policy.</summary>
internal static class CelSubjects
{
    private static readonly ImmutableArray<(string Name, CelType Type, Func<Identity, CelValue> Read)> Who =
    [
        ("issuer", CelType.Text, identity => CelValue.Of(identity.Issuer)),
        ("subject", CelType.Text, identity => CelValue.Of(identity.Subject)),
        ("kind", CelType.Text, identity => CelValue.Of(identity.Kind switch { IdentityKind.Person => "person", IdentityKind.Workload => "workload", _ => "gateway" })),
        ("agent", CelType.Text, identity => identity.QualifiedAgent is { } agent ? CelValue.Of(agent) : CelValue.None),
        ("groups", CelType.TextList, identity => CelValue.Of(identity.QualifiedGroups)),
        ("claims", CelType.Map, identity => identity.HasLostClaims ? CelValue.Unknown : CelValue.FromJson(identity.Claims)),
    ];

    private static readonly ImmutableArray<(string Name, CelType Type, Func<Connection, CelValue> Read)> Connection =
    [
        ("name", CelType.Text, connection => CelValue.Of(connection.Name)),
        ("protocol", CelType.Text, connection => CelValue.Of(connection.Protocol)),
        ("tags", CelType.TextList, connection => CelValue.Of(ImmutableCollectionsMarshal.AsArray(connection.Tags) ?? [])),
    ];

    /// <summary>The field names of a subject, for messages.</summary>
    public static string Fields(string subject) => string.Join(", ", Names(subject).Select(name => $"`{subject}.{name}`"));

    public static IEnumerable<string> Names(string subject) => subject == "who" ? Who.Select(field => field.Name) : Connection.Select(field => field.Name);

    /// <summary>The field, or null when the subject has none of that name. Absent values are <see cref="CelKind.None"/>.</summary>
    public static CelPart? Find(string subject, string field)
    {
        if (subject == "who")
        {
            foreach (var (name, type, read) in Who)
            {
                if (name == field) return new CelPart(type, (ref CelContext context) => read(context.Identity));
            }
            return null;
        }
        foreach (var (name, type, read) in Connection)
        {
            if (name == field) return new CelPart(type, (ref CelContext context) => read(context.Connection));
        }
        return null;
    }
}
