using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Postern.Core.Masking;
using Postern.Tests.Json;
using static Postern.Tests.Masking.MaskTest;

namespace Postern.Tests.Masking;

/// <summary>Values in other spellings, where a mask asks for them.</summary>
[Guarantee("G11")]
public sealed class DecodedMaskTests
{
    private const Decodings All = Decodings.Base64 | Decodings.Hex | Decodings.Url | Decodings.Escapes | Decodings.Lookalikes;

    // One of each detector; whole words, so that what they are within does not matter.
    private static readonly string[] s_secrets =
    [
        "eve.canary@example.com", "4111 1111 1111 1111", "ghp_abcdefghij0123456789ABCDEFGHIJ012345", "AKIAIOSFODNN7EXAMPLE", "DE89370400440532013000", "123-45-6789",
        "postgres://app:s3cr3tw0rd@db/shop", "+41 44 668 18 00",
    ];

    public static TheoryData<string> Spellings { get; } = ["base64", "base64url", "hex", "HEX", "utf16", "base64 twice", "url", "url twice", "json escapes", "hex escapes", "html", "html hex", "full width", "zero width", "url in base64", "base64 in lines"];

    [Theory]
    [Row("M03"), Row("M04")]
    [MemberData(nameof(Spellings))]
    public void A_value_in_another_spelling_is_masked_where_a_mask_decodes_it_and_what_stands_around_it_stays(string spelling)
    {
        var masker = Masker.Compile([Rule("m", MaskKind.Redact, [], [.. Detectors.Names]) with { Decode = All }], Key);
        foreach (var secret in s_secrets)
        {
            var spelt = Spelt(spelling, secret);
            var json = JsonSerializer.Serialize(new { note = $"see ({spelt}), ok" });

            var masked = JsonDocument.Parse(masker.Apply(json)).RootElement.GetProperty("note").GetString()!;

            Assert.DoesNotContain(spelt, masked, StringComparison.Ordinal);
            Assert.StartsWith("see (", masked, StringComparison.Ordinal);
            Assert.EndsWith("), ok", masked, StringComparison.Ordinal);
            Assert.Contains("[masked:m]", masked, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Spellings_that_no_mask_asks_for_are_not_undone()
    {
        var spelt = Spelt("base64", s_secrets[0]);
        Assert.Equal($"\"{spelt}\"", AllValues().Apply($"\"{spelt}\""));
        var onlyHex = Masker.Compile([Rule("m", MaskKind.Redact, [], [Detectors.Email]) with { Decode = Decodings.Hex }], Key);
        Assert.Equal($"\"{spelt}\"", onlyHex.Apply($"\"{spelt}\""));
        // A mask that decodes lends nothing to one that does not.
        var two = Masker.Compile([Rule("a", MaskKind.Redact, [], [Detectors.CreditCard]) with { Decode = All }, Rule("b", MaskKind.Redact, [], [Detectors.Email])], Key);
        Assert.Equal($"\"{spelt}\"", two.Apply($"\"{spelt}\""));
    }

    [Fact]
    public void Encoded_text_without_values_stays_as_it_is()
    {
        var masker = Masker.Compile([Rule("m", MaskKind.Redact, [], [.. Detectors.Names]) with { Decode = All }], Key);
        for (var seed = 0; seed < 300; seed++)
        {
            var samples = new JsonSamples(seed);
            var noise = new byte[200];
            for (var i = 0; i < noise.Length; i++) noise[i] = (byte)samples.Next(256);
            var text = JsonSerializer.Serialize($"{Convert.ToBase64String(noise)} {Convert.ToHexString(noise)} 100% of &amp; \\n {Uri.EscapeDataString("a b/c?d=é")} 日本語 ２０２６");
            // Digits by chance may be a card as they stand; the spellings add nothing to that.
            Assert.Equal(AllValues().Apply(text), masker.Apply(text));
        }
    }

    [Fact]
    [Row("M02")]
    public void A_blob_is_masked_as_what_it_decodes_to_and_stays_base_64()
    {
        var shape = new FrameShape { Form = FrameForm.Json, Blobs = [["blob"]] };
        var masker = Masker.Compile([Rule("m", MaskKind.Redact, [], [Detectors.Email]) with { Decode = Decodings.Base64 }], Key);

        Assert.Equal($$"""{"blob":"{{Base64("mail to [masked:m], please")}}"}""", masker.Apply($$"""{"blob":"{{Base64($"mail to {s_secrets[0]}, please")}}"}""", shape));
        Assert.Equal($$"""{"blob":"{{Base64("nothing here")}}"}""", masker.Apply($$"""{"blob":"{{Base64("nothing here")}}"}""", shape));
        var image = Convert.ToBase64String([0xff, 0xd8, 0xff, 0xe1, .. Encoding.ASCII.GetBytes($" {s_secrets[0]} "), 0xff, 0xd9]);
        Assert.Equal($$"""{"blob":"{{Base64("[masked:m]")}}"}""", masker.Apply($$"""{"blob":"{{image}}"}""", shape));
    }

    [Theory]
    [Row("M16")]
    [InlineData("%25")]
    [InlineData("&amp;")]
    [InlineData("\\\\u005c")]
    [InlineData("QUJD")]
    [InlineData("41")]
    [InlineData("QUJD ")]
    [InlineData("０")]
    [InlineData("&#6")]
    [InlineData("%4%")]
    public void Time_is_linear_in_decoded_text_too(string unit)
    {
        var masker = Masker.Compile([Rule("m", MaskKind.Redact, [], [.. Detectors.Names]) with { Decode = All }], Key);
        Measure(1); // warm
        // The better of two: other tests run beside this one.
        var small = Math.Max(Measure(20_000), Measure(20_000));
        var large = Math.Min(Measure(400_000), Measure(400_000));
        Assert.True(large < (small * 20 * 8) + 200, $"{small} ms, then {large} ms");

        double Measure(int length)
        {
            var text = JsonSerializer.Serialize(string.Concat(Enumerable.Repeat(unit, (length / unit.Length) + 1)));
            var best = double.MaxValue;
            for (var i = 0; i < 3; i++)
            {
                var start = Stopwatch.GetTimestamp();
                masker.Apply(text);
                best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
            return best;
        }
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private static string Spelt(string spelling, string text) => spelling switch
    {
        "base64" => Base64(text),
        "base64url" => Base64(text).TrimEnd('=').Replace('+', '-').Replace('/', '_'),
        "base64 twice" => Base64(Base64(text)),
        "base64 in lines" => string.Join("\r\n", Base64($"{text} and so on and so on and so on and so on").Chunk(20).Select(line => new string(line))),
        "utf16" => Convert.ToBase64String(Encoding.Unicode.GetBytes(text)),
        "hex" => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(text)),
        "HEX" => Convert.ToHexString(Encoding.UTF8.GetBytes(text)),
        "url" => string.Concat(text.Select(letter => $"%{(int)letter:x2}")),
        "url twice" => Uri.EscapeDataString(string.Concat(text.Select(letter => $"%{(int)letter:X2}"))),
        "url in base64" => Base64(string.Concat(text.Select(letter => $"%{(int)letter:x2}"))),
        "json escapes" => string.Concat(text.Select(letter => $"\\u{(int)letter:x4}")),
        "hex escapes" => string.Concat(text.Select(letter => $"\\x{(int)letter:x2}")),
        "html" => string.Concat(text.Select(letter => $"&#{(int)letter};")),
        "html hex" => string.Concat(text.Select(letter => $"&#x{(int)letter:X};")),
        "full width" => string.Concat(text.Select(letter => letter == ' ' ? '\u3000' : (char)(letter + 0xfee0))),
        "zero width" => string.Join('\u200b', text.ToCharArray()),
        _ => throw new ArgumentException(spelling, nameof(spelling)),
    };
}
