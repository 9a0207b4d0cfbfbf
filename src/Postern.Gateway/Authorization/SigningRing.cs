using System.Buffers.Text;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Postern.Core.Recording;
using Postern.Core.Yaml;

namespace Postern.Gateway.Authorization;

/// <summary>
/// The keys that sign the gateway's own tokens (ES256), in the data folder. A key is published an hour before it signs, so that whoever
/// keeps the key set for a while knows it by then, and stays published until nothing that it signed can still live.
/// </summary>
internal sealed class SigningRing : IDisposable
{
    public const string FileName = "authorization-keys.json";

    /// <summary>How long one key signs.</summary>
    public static readonly TimeSpan Term = TimeSpan.FromDays(30);

    /// <summary>How long it is published before, and after.</summary>
    public static readonly TimeSpan Notice = TimeSpan.FromHours(1);

    private const int MaxFile = 64 * 1024;
    private readonly Lock _lock = new();
    private readonly string _path;
    private readonly TimeProvider _clock;
    private readonly List<ECDsa> _withdrawn = [];
    private ImmutableArray<Key> _keys;

    private SigningRing(string path, ImmutableArray<Key> keys, TimeProvider clock) => (_path, _keys, _clock) = (path, keys, clock);

    private sealed record Key(string Id, DateTimeOffset SignsFrom, ECDsa Pair);

    /// <summary>Reads the keys, or makes the first.</summary>
    /// <exception cref="GatewayStartException">They cannot be read or written.</exception>
    public static SigningRing Open(string folder, TimeProvider clock)
    {
        var path = Path.Combine(folder, FileName);
        try
        {
            if (File.Exists(path)) return new SigningRing(path, Read(path) ?? throw Unusable(path, "it is not one of ours; restore the file from a backup, or remove it and all sign-ins begin anew"), clock);
            ImmutableArray<Key> first = [NewKey(clock.GetUtcNow())];
            Write(path, first);
            return new SigningRing(path, first, clock);
        }
        catch (Exception unusable) when (unusable is IOException or UnauthorizedAccessException)
        {
            throw Unusable(path, "the keys cannot be read or written");
        }
    }

    /// <summary>Signs with the key whose term it is.</summary>
    /// <param name="header">From a key's id to what stands before the signature, in ASCII.</param>
    public string Sign(Func<string, string> header)
    {
        lock (_lock)
        {
            var now = _clock.GetUtcNow();
            Turn(now);
            // Clocks that went back: the oldest.
            var key = _keys.LastOrDefault(key => key.SignsFrom <= now) ?? _keys[0];
            var input = header(key.Id);
            return $"{input}.{Base64Url.EncodeToString(key.Pair.SignData(Encoding.ASCII.GetBytes(input), HashAlgorithmName.SHA256))}";
        }
    }

    /// <summary>The public halves (RFC 7517).</summary>
    public byte[] KeySet()
    {
        lock (_lock)
        {
            Turn(_clock.GetUtcNow());
            return JsonSerializer.SerializeToUtf8Bytes(new
            {
                keys = _keys.Select(key => key.Pair.ExportParameters(includePrivateParameters: false).Q is var point
                    ? new { kty = "EC", crv = "P-256", x = Base64Url.EncodeToString(point.X), y = Base64Url.EncodeToString(point.Y), kid = key.Id, use = "sig", alg = "ES256" }
                    : null),
            });
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var key in _keys) key.Pair.Dispose();
            foreach (var pair in _withdrawn) pair.Dispose();
        }
    }

    /// <summary>Makes the next key in time, and withdraws one whose successor has signed for long enough.</summary>
    private void Turn(DateTimeOffset now)
    {
        var keys = _keys;
        if (keys[^1].SignsFrom + Term <= now + Notice) keys = keys.Add(NewKey(now + Notice));
        while (keys.Length > 1 && keys[1].SignsFrom + Notice <= now) keys = keys.RemoveAt(0);
        if (keys == _keys) return;
        try
        {
            Write(_path, keys);
        }
        catch (Exception unwritten) when (unwritten is IOException or UnauthorizedAccessException)
        {
            // A key that a restart would forget must sign nothing; the old one goes on until the disk is back.
            foreach (var key in keys.Except(_keys)) key.Pair.Dispose();
            return;
        }
        _withdrawn.AddRange(_keys.Except(keys).Select(key => key.Pair));
        _keys = keys;
    }

    private static Key NewKey(DateTimeOffset signsFrom)
    {
        var pair = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new Key(IdOf(pair), signsFrom, pair);
    }

    // RFC 7638: the id says nothing but which key it is
    private static string IdOf(ECDsa pair)
    {
        var point = pair.ExportParameters(includePrivateParameters: false).Q;
        return Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes($$"""{"crv":"P-256","kty":"EC","x":"{{Base64Url.EncodeToString(point.X)}}","y":"{{Base64Url.EncodeToString(point.Y)}}"}""")));
    }

    private static ImmutableArray<Key>? Read(string path)
    {
        if (new FileInfo(path).Length > MaxFile) return null;
        try
        {
            var keys = JsonSerializer.Deserialize<StoredKey[]>(File.ReadAllBytes(path));
            if (keys is not { Length: > 0 }) return null;
            return [.. keys.Select(stored =>
            {
                var pair = ECDsa.Create();
                pair.ImportPkcs8PrivateKey(Convert.FromBase64String(stored.Pkcs8), out _);
                return new Key(IdOf(pair), DateTimeOffset.FromUnixTimeSeconds(stored.SignsFrom), pair);
            }).OrderBy(key => key.SignsFrom)];
        }
        catch (Exception unreadable) when (unreadable is JsonException or FormatException or CryptographicException or ArgumentException)
        {
            return null;
        }
    }

    private static void Write(string path, ImmutableArray<Key> keys)
    {
        var text = JsonSerializer.SerializeToUtf8Bytes(keys.Select(key => new StoredKey(key.SignsFrom.ToUnixTimeSeconds(), Convert.ToBase64String(key.Pair.ExportPkcs8PrivateKey()))));
        var draft = path + ".new";
        File.Delete(draft);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var file = new FileStream(draft, options))
        {
            file.Write(text);
            file.Flush(flushToDisk: true);
        }
        File.Move(draft, path, overwrite: true);
        FolderStorage.FlushNames(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    private sealed record StoredKey(long SignsFrom, string Pkcs8);

    private static GatewayStartException Unusable(string path, string why) => new([new SourceProblem(path, 0, 0, why)]);
}
