using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Postern.Core.Evidence;

/// <summary>What a bundle says of itself; its bytes are what is signed.</summary>
/// <param name="Bundle">The format's version.</param>
/// <param name="Journal">The journal that the records stand in.</param>
/// <param name="Session">The session that they are about.</param>
/// <param name="Created">When it was made.</param>
/// <param name="Key">Digest of the public key, as checkpoints name it.</param>
/// <param name="Records">How many records.</param>
/// <param name="First">Sequence of the first.</param>
/// <param name="Last">Sequence of the last.</param>
/// <param name="Files">Every other file but the signature.</param>
public sealed record BundleManifest(int Bundle, string Journal, string Session, DateTimeOffset Created, string Key, int Records, long First, long Last, ImmutableArray<BundledFile> Files)
{
    /// <summary>The version of this code.</summary>
    public const int Version = 1;

    internal const string ManifestName = "manifest.json";
    internal const string SignatureName = "manifest.sig";
    internal const string RecordsName = "records.bin";
    internal const string CheckpointsName = "checkpoints.ndjson";
    internal const string KeyName = "public.pem";
    internal const string DataKeysName = "keys.ndjson";

    /// <summary>The text under the signature. Its first line is not that of a checkpoint, so neither can pass for the other.</summary>
    internal static byte[] Signed(string manifestDigest) => Encoding.UTF8.GetBytes($"postern evidence bundle {Version}\n{manifestDigest}\n");
}

/// <summary>One file of a bundle.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">Its digest in hex.</param>
public sealed record BundledFile(string Name, long Bytes, string Sha256);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true, AllowDuplicateProperties = false, WriteIndented = true)]
[JsonSerializable(typeof(BundleManifest))]
internal sealed partial class BundleContext : JsonSerializerContext;
