using System.Security.Cryptography;
using System.Text;
using Postern.Core.Operations;

namespace Postern.Core.Approvals;

/// <summary>
/// What an approval is good for: one exact request, by one identity through one agent, on one connection and target, under
/// one definition (G7). Anything else has another binding.
/// </summary>
internal static class ApprovalBinding
{
    /// <summary>SHA-256 over length-prefixed fields, so that no two lists of fields run together.</summary>
    public static Digest Of(Identity identity, Operation operation) => Of(identity, operation, operation.Digest);

    /// <summary>The same for another digest of what is asked than the operation's own.</summary>
    public static Digest Of(Identity identity, Operation operation, Digest asked)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> digest = stackalloc byte[Digest.Size];
        asked.CopyTo(digest);
        hash.AppendData(digest);
        Append(hash, identity.Issuer);
        Append(hash, identity.Subject);
        Append(hash, identity.Kind.ToString());
        Append(hash, identity.Agent);
        Append(hash, operation.Connection.Name);
        Append(hash, operation.Connection.Protocol);
        Append(hash, operation.Connection.Target);
        Append(hash, operation.Definition?.ToString());
        hash.GetHashAndReset(digest);
        return new Digest(digest);
    }

    private static void Append(IncrementalHash hash, string? field)
    {
        // An absent field is -1 long, so that it differs from an empty one.
        Span<byte> length = stackalloc byte[sizeof(int)];
        var bytes = field is null ? [] : Encoding.UTF8.GetBytes(field);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(length, field is null ? -1 : bytes.Length);
        hash.AppendData(length);
        hash.AppendData(bytes);
    }
}
