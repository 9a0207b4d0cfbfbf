using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Postern.Core.Operations;

namespace Postern.Protocols.Postgres;

/// <summary>
/// What an approval of a unit is bound to: connection, target, and for each statement its kind, its text, its values, and what its names
/// were resolved to: the same text must not be approved as one table and run as another. Texts count as written: another spelling is
/// another request, which costs one more question and never one fewer.
/// </summary>
/// <param name="unit">The statements.</param>
/// <param name="look">Settings of the session under which its texts are read: <c>'01/02/2026'</c> is one of two days.</param>
internal sealed class UnitDigest(ImmutableArray<UnitStatement> unit, string look)
{
    public static Digest OfConnect(Operation operation)
    {
        using var hash = Begin(operation);
        return End(hash);
    }

    public Digest Of(Operation operation)
    {
        using var hash = Begin(operation);
        Add(hash, look);
        foreach (var part in operation.Parts) Add(hash, part);
        foreach (var step in unit)
        {
            Add(hash, step.Statement.Kind);
            Add(hash, (ulong)step.Statement.Start);
            Add(hash, (ulong)step.Text.Length);
            hash.AppendData(step.Text.Span);
            if (step.Values.IsDefault)
            {
                Add(hash, ulong.MaxValue);
                continue;
            }
            Add(hash, (ulong)step.Values.Length);
            foreach (var value in step.Values)
            {
                Add(hash, value.Type);
                Add(hash, value.IsNull ? 2UL : value.IsBinary ? 1UL : 0UL);
                Add(hash, (ulong)value.Content.Length);
                hash.AppendData(value.Content.Span);
            }
        }
        return End(hash);
    }

    private static IncrementalHash Begin(Operation operation)
    {
        var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add(hash, PostgresOperations.ProtocolName);
        Add(hash, operation.Connection.Name);
        Add(hash, operation.Connection.Target);
        Add(hash, operation.Parts[0].Action);
        return hash;
    }

    private static Digest End(IncrementalHash hash)
    {
        Span<byte> digest = stackalloc byte[Digest.Size];
        hash.GetHashAndReset(digest);
        return new Digest(digest);
    }

    private static void Add(IncrementalHash hash, Part part)
    {
        Add(hash, part.Action);
        Add(hash, (ulong)part.Facts.Length);
        foreach (var fact in part.Facts)
        {
            Add(hash, fact.Name);
            Add(hash, fact.IsAll ? ulong.MaxValue : (ulong)fact.Values.Length);
            foreach (var value in fact.Values) Add(hash, value);
        }
    }

    private static void Add(IncrementalHash hash, ulong number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, number);
        hash.AppendData(bytes);
    }

    // Each text goes in with its length, so that two lists of texts never run together into the same bytes.
    private static void Add(IncrementalHash hash, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Add(hash, (ulong)bytes.Length);
        hash.AppendData(bytes);
    }
}
