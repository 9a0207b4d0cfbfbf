using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Postern.Core.Json;
using Postern.Core.Operations;

namespace Postern.Protocols.Kubernetes;

/// <summary>
/// The canonical digest of what is asked: connection and target, action and facts, everything that <c>request</c> says (method, path,
/// query, the kind of a patch), and the body. Bodies that mean the same JSON are the same.
/// </summary>
internal static class KubernetesDigest
{
    public static Digest Of(Operation operation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add(hash, KubernetesVocabulary.ProtocolName);
        Add(hash, operation.Connection.Name);
        Add(hash, operation.Connection.Target);
        Span<byte> canonical = stackalloc byte[Digest.Size];
        foreach (var part in operation.Parts)
        {
            Add(hash, part.Action);
            foreach (var fact in part.Facts)
            {
                Add(hash, fact.Name);
                Add(hash, fact.IsAll ? "*" : "");
                foreach (var value in fact.Values) Add(hash, value);
            }
            foreach (var variable in part.Variables)
            {
                if (variable.Name != KubernetesVocabulary.Request) continue;
                CanonicalJson.DigestOf(variable.Json.Span).CopyTo(canonical);
                hash.AppendData(canonical);
            }
        }
        if (operation.RequestShape.Form == Core.Masking.FrameForm.Json) CanonicalJson.DigestOf(operation.Request.Span).CopyTo(canonical);
        else SHA256.HashData(operation.Request.Span, canonical);
        hash.AppendData(canonical);
        hash.GetHashAndReset(canonical);
        return new Digest(canonical);
    }

    private static void Add(IncrementalHash hash, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
        hash.AppendData(length);
        hash.AppendData(bytes);
    }
}
