using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using Postern.Core.Masking;

namespace Postern.Tests.Masking;

/// <summary>Short forms for tests of masks.</summary>
internal static class MaskTest
{
    public const string Card = "4111111111111111";

    public static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(value => (byte)value)];

    public static Masker Fields(MaskKind kind, params string[] paths) => Masker.Compile([Rule("m", kind, paths, [])], Key);

    public static Masker Values(MaskKind kind, params string[] detectors) => Masker.Compile([Rule("m", kind, [], detectors)], Key);

    public static Masker AllValues(MaskKind kind = MaskKind.Redact) => Values(kind, [.. Detectors.Names]);

    public static MaskRule Rule(string id, MaskKind kind, string[] paths, string[] detectors) =>
        new(id, [.. paths.Select(Path)], [.. detectors], kind);

    public static JsonPath Path(string text) => JsonPath.TryParse(text, out var path, out var error) ? path! : throw new ArgumentException(error, nameof(text));

    public static string Apply(this Masker masker, string content, FrameShape? shape = null) => Apply(masker, content, shape, out _);

    public static string Apply(this Masker masker, string content, FrameShape? shape, out int count)
    {
        var output = new ArrayBufferWriter<byte>();
        count = masker.Apply(Encoding.UTF8.GetBytes(content), shape ?? FrameShape.Json, output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    public static FrameShape Shape(string[][] roots, string[][] structure) => new()
    {
        Form = FrameForm.Json,
        Roots = [.. roots.Select(place => place.ToImmutableArray())],
        Structure = [.. structure.Select(place => place.ToImmutableArray())],
    };
}
