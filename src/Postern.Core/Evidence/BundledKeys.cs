using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Postern.Core.Recording;

namespace Postern.Core.Evidence;

/// <summary>The data keys of one session in a bundle: a line for each, with its id and itself in hex.</summary>
internal sealed class BundledKeys : IDataKeys
{
    private readonly SortedDictionary<UInt128, byte[]?> _keys = [];

    public int Generation => 0;

    /// <summary>Reads the lines; null when they are none.</summary>
    public static BundledKeys? Read(byte[] lines)
    {
        var read = new BundledKeys();
        foreach (var line in Encoding.ASCII.GetString(lines).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var json = new Utf8JsonReader(Encoding.ASCII.GetBytes(line));
            var texts = new List<string>();
            while (json.Read())
            {
                if (json.TokenType is JsonTokenType.PropertyName or JsonTokenType.String) texts.Add(json.GetString()!);
            }
            if (texts is not ["id", var id, "key", var key] || !UInt128.TryParse(id, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var number)) return null;
            var bytes = new byte[SessionKey.KeyBytes];
            if (Convert.FromHexString(key, bytes, out _, out var written) != System.Buffers.OperationStatus.Done || written != bytes.Length || !read._keys.TryAdd(number, bytes)) return null;
        }
        return read;
    }

    public DataKeyFinding Find(UInt128 id) => new(_keys.GetValueOrDefault(id) is { } key ? [.. key] : null, Erasure: null);

    /// <summary>Takes note of the key that a record is sealed with.</summary>
    public void Note(ReadOnlySpan<byte> sealedContent) => _keys.TryAdd(BinaryPrimitives.ReadUInt128BigEndian(sealedContent), null);

    /// <summary>The lines for those that are here and not destroyed.</summary>
    public byte[] Write(IDataKeys? keys)
    {
        var lines = new StringBuilder();
        foreach (var id in _keys.Keys)
        {
            if (keys?.Find(id).Key is not { } key) continue;
            lines.Append(CultureInfo.InvariantCulture, $"{{\"id\":\"{id:x32}\",\"key\":\"{Convert.ToHexStringLower(key)}\"}}\n");
        }
        return Encoding.ASCII.GetBytes(lines.ToString());
    }
}
