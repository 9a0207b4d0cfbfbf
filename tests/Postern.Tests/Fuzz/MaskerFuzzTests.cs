using System.Buffers;
using System.Numerics;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Postern.Core.Masking;
using Postern.Protocols.Mcp;
using Postern.Tests.Masking;

namespace Postern.Tests.Fuzz;

/// <summary>
/// The masker against slow, literal patterns of the same things: in what it releases, another JSON parser and these patterns find
/// nothing any more. They are narrower than the detectors where those have rules of their own, and know none of their short cuts.
/// </summary>
[Trait("Lane", "fuzz")]
[Guarantee("G11")]
public sealed partial class MaskerFuzzTests
{
    private static readonly byte[][] s_frames =
    [
        .. new[]
        {
            """{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"card 4111 1111 1111 1111, ada@example.com, ssn 078-05-1120"}],"structuredContent":{"email":"ada@example.com","card":4111111111111111}}}""",
            """{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{\"iban\":\"DE89370400440532013000\",\"key\":\"ghp_abcdefghij0123456789ABCDEFGHIJ012345\"}"}]}}""",
            """{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":{"ip":"10.1.2.3","phone":"415-555-2671","db":"postgres://app:s3cr3tw0rd@db/x","aws":"AKIAIOSFODNN7EXAMPLE"}}}""",
            """{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"+41446681800 failed","data":{"a":"\u0040\u00e9 10.1.2.3","b":"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."}}}""",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    [Fact]
    [Row("M02"), Row("M16")]
    public void Nothing_that_a_literal_pattern_finds_is_left_in_what_the_masker_releases()
    {
        var masker = Masker.Compile([MaskTest.Rule("m", MaskKind.Redact, [], [.. Detectors.Names])], MaskTest.Key);
        var output = new ArrayBufferWriter<byte>();
        FuzzRun.Run(nameof(Nothing_that_a_literal_pattern_finds_is_left_in_what_the_masker_releases), s_frames, bytes =>
        {
            output.ResetWrittenCount();
            try
            {
                masker.Apply(bytes, McpShapes.Reply, output);
            }
            catch (MaskingException)
            {
                return;
            }
            try
            {
                using var document = JsonDocument.Parse(output.WrittenMemory);
                Search(document.RootElement, 0);
            }
            catch (Exception fault) when (fault is JsonException or InvalidOperationException)
            {
                // The protocol's own reader refuses such frames before they come here.
            }
        });
    }

    [Fact]
    [Row("M16")]
    public void A_frame_comes_out_the_same_whether_or_not_it_was_screened()
    {
        var masker = Masker.Compile([MaskTest.Rule("m", MaskKind.Redact, ["$..email"], [.. Detectors.Names])], MaskTest.Key);
        var values = Masker.Compile([MaskTest.Rule("m", MaskKind.Redact, [], [.. Detectors.Names])], MaskTest.Key);
        FuzzRun.Run(nameof(A_frame_comes_out_the_same_whether_or_not_it_was_screened), s_frames, bytes =>
        {
            foreach (var each in new[] { masker, values })
            {
                Assert.Equal(Outcome(each.Unscreened(), bytes), Outcome(each, bytes));
            }
        });
    }

    private static string Outcome(Masker masker, byte[] bytes)
    {
        var output = new ArrayBufferWriter<byte>();
        try
        {
            masker.Apply(bytes, FrameShape.Json, output);
            return Encoding.UTF8.GetString(output.WrittenSpan);
        }
        catch (MaskingException)
        {
            return "blocked";
        }
    }

    private static void Search(JsonElement element, int depth)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in element.EnumerateObject())
                {
                    // The envelope's own words are the protocol's to check.
                    if (depth == 0 && member.Name is "id" or "method" or "jsonrpc") continue;
                    Search(member.Name);
                    Search(member.Value, depth + 1);
                }
                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray()) Search(item, depth + 1);
                break;
            case JsonValueKind.String:
                Search(element.GetString()!);
                break;
            case JsonValueKind.Number:
                Assert.False(IsVisa(element.GetRawText()), element.GetRawText());
                break;
        }
    }

    private static void Search(string text)
    {
        // What stood without a gap beside something masked was part of something longer, and still is. Two, because one makes the prefix of a key of GitHub.
        text = text.Replace("[masked:m]", "__", StringComparison.Ordinal);
        foreach (Match match in Plain().Matches(text)) Assert.Fail($"`{match.Value}` in `{text}`");
        foreach (Match match in Card().Matches(text)) Assert.False(IsVisa(match.Value), $"`{match.Value}` in `{text}`");
        foreach (Match match in German().Matches(text)) Assert.False(Iban(match.Value), $"`{match.Value}` in `{text}`");
    }

    private static bool IsVisa(string digits)
    {
        if (digits.Length != 16 || digits[0] != '4' || !digits.All(char.IsAsciiDigit)) return false;
        var sum = digits.Reverse().Select((digit, i) => i % 2 == 0 ? digit - '0' : ((digit - '0') * 2 / 10) + ((digit - '0') * 2 % 10)).Sum();
        return sum % 10 == 0;
    }

    private static bool Iban(string text) =>
        BigInteger.Parse(string.Concat((text[4..] + text[..4]).Select(letter => char.IsAsciiDigit(letter) ? $"{letter}" : $"{letter - 'A' + 10}")), System.Globalization.CultureInfo.InvariantCulture) % 97 == 1;

    // Social security numbers, IPv4, keys of GitHub and Amazon, North American phone numbers, addresses, web tokens.
    [GeneratedRegex(@"(?<![\w.-])(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}(?![\w.-])"
        + @"|(?<![\w.-])(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(?:\.(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])){3}(?![\w.-])"
        + "|ghp_[A-Za-z0-9]{36}|AKIA[A-Z0-9]{16}"
        + @"|(?<![\w.-])[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}(?![\w.-])"
        + @"|[a-z]+@[a-z]+\.com(?![\w.-])"
        + @"|eyJ[A-Za-z0-9]{10,}\.eyJ[A-Za-z0-9]{4,}", RegexOptions.ECMAScript)]
    private static partial Regex Plain();

    [GeneratedRegex("(?<![0-9])[0-9]{16}(?![0-9])")]
    private static partial Regex Card();

    [GeneratedRegex("(?<![A-Za-z0-9_])DE[0-9]{20}(?![A-Za-z0-9_])")]
    private static partial Regex German();
}
