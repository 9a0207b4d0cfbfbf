using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Postern.Core.Recording;

namespace Postern.Core.Evidence;

/// <summary>One data key in a bundle: itself, or how it was destroyed.</summary>
/// <param name="Id">Its id in hex.</param>
/// <param name="Key">Itself in hex; null when it was destroyed.</param>
/// <param name="Erasure">How it was destroyed; null when it is there.</param>
internal sealed record BundledKey(string Id, string? Key, Erasure? Erasure);

/// <summary>The data keys of one session in a bundle, one on a line.</summary>
internal sealed class BundledKeys : IDataKeys
{
    private readonly SortedDictionary<UInt128, DataKeyFinding> _keys = [];

    public int Generation => 0;

    /// <summary>Reads the lines; null when they are none.</summary>
    public static BundledKeys? Read(byte[] lines)
    {
        var read = new BundledKeys();
        try
        {
            foreach (var line in Encoding.UTF8.GetString(lines).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                if (JsonSerializer.Deserialize(line, BundledKeyContext.Default.BundledKey) is not { } one || !UInt128.TryParse(one.Id, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var id)) return null;
                var key = one.Key is null ? null : Convert.FromHexString(one.Key);
                if (key is not null && key.Length != SessionKey.KeyBytes) return null;
                if (!read._keys.TryAdd(id, new DataKeyFinding(key, one.Erasure))) return null;
            }
        }
        catch (Exception fault) when (fault is JsonException or FormatException)
        {
            return null;
        }
        return read;
    }

    public DataKeyFinding Find(UInt128 id) => _keys.GetValueOrDefault(id) is { Key: { } key } ? new DataKeyFinding([.. key], Erasure: null) : _keys.GetValueOrDefault(id);

    /// <summary>Takes note of the key that a record is sealed with.</summary>
    public void Note(ReadOnlySpan<byte> sealedContent) => _keys.TryAdd(BinaryPrimitives.ReadUInt128BigEndian(sealedContent), default);

    /// <summary>The lines for those that are here, and for those that were destroyed.</summary>
    public byte[] Write(IDataKeys? keys)
    {
        var lines = new StringBuilder();
        foreach (var id in _keys.Keys)
        {
            var found = keys?.Find(id) ?? default;
            if (found is { Key: null, Erasure: null }) continue;
            lines.Append(JsonSerializer.Serialize(new BundledKey(id.ToString("x32", CultureInfo.InvariantCulture), found.Key is { } key ? Convert.ToHexStringLower(key) : null, found.Erasure), BundledKeyContext.Default.BundledKey)).Append('\n');
        }
        return Encoding.UTF8.GetBytes(lines.ToString());
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, AllowDuplicateProperties = false)]
[JsonSerializable(typeof(BundledKey))]
internal sealed partial class BundledKeyContext : JsonSerializerContext;
