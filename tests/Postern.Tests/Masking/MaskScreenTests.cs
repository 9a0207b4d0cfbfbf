using System.Buffers;
using System.Text;
using System.Text.Json;
using Postern.Core.Masking;
using Postern.Core.Masking.Detection;
using Postern.Tests.Json;
using static Postern.Tests.Masking.MaskTest;

namespace Postern.Tests.Masking;

/// <summary>What makes masks quick decides nothing: each short cut against the long way, over random and hostile input.</summary>
[Guarantee("G11")]
public sealed class MaskScreenTests
{
    private const int Rounds = 6_000;

    // What hits are made of, what nearly is one, and what stands between.
    private static readonly string[] s_pieces =
    [
        "@", "%40", "a", "bob", "example.com", "b.co", ".", "-", "--", "_", " ", " - ", "/", "\t", "\n", "t", "x", "e", "E+", "\u00a0", "\u2009", "\u00e9", "\u4e2d",
        "4111", "1111", "4111111111111111", "378282246310005", "41111111", "2026", "12", "1", "0", "1700000000000", "4.111111111111111e15", "-411.108e+013", "0.00004119e20",
        "AKIA", "IOSFODNN7EXAMPLE", "ghp_", "xoxb-", "xox", "xoxe.", "sk-", "sk_live_", "sk-ant-", "SG.", "eyJ", "eyJhbGciOiJub25lIn0", ".eyJzdWIiOiIxIn0", "-----", "BEGIN ",
        "-----BEGIN ", "PRIVATE KEY", "-----END ", "0123456789abcdefghijABCDEFGHIJ", "AccountKey=", "line", "\\", "\"", "\\u0040", "\\u0034", "\\t", "\\/", "{", "[", "{\"", "\":", "}", "]", ",",
    ];

    [Fact]
    [Row("M02"), Row("M16")]
    public void A_frame_comes_out_the_same_whether_or_not_it_was_screened()
    {
        var shape = Shape([["result"], ["rows", "[*]"]], [["id"]]);
        var maskers = new[] { AllValues(), AllValues(MaskKind.Partial), Values(MaskKind.Hash, Detectors.CreditCard), Values(MaskKind.Redact, Detectors.Email, Detectors.Jwt) };
        var (changed, kept, blocked) = (0, 0, 0);
        for (var seed = 0; seed < Rounds; seed++)
        {
            var samples = new JsonSamples(seed);
            var document = Encoding.UTF8.GetBytes(Frame(samples));
            if (seed % 20 == 0) document = samples.Damage(document);
            var masker = maskers[samples.Next(maskers.Length)];
            foreach (var form in new[] { FrameShape.Json, shape, FrameShape.Text })
            {
                var quick = Outcome(masker, document, form);
                Assert.Equal(Outcome(masker.Unscreened(), document, form), quick);
                if (quick.Text is null) blocked++;
                else if (quick.Count > 0) changed++;
                else kept++;
            }
        }
        Assert.True(changed > Rounds / 2 && kept > Rounds / 2 && blocked > Rounds / 100, $"{changed} changed, {kept} kept, {blocked} blocked");
    }

    [Fact]
    [Row("M02"), Row("M16")]
    public void A_frame_that_was_read_comes_out_the_same_whether_or_not_what_lies_between_was_left_out()
    {
        var shape = Shape([["result"], ["rows", "[*]"]], [["id"]]);
        var read = new FrameShape { Form = FrameForm.Json, Roots = shape.Roots, Structure = shape.Structure, IsRead = true };
        var whole = new FrameShape { Form = FrameForm.Json, IsRead = true };
        string[] detectors = [Detectors.Email, Detectors.CreditCard, Detectors.Password];
        var maskers = new[]
        {
            Fields(MaskKind.Redact, "$..email", "$..card"), Fields(MaskKind.Redact, "$.email", "$.deep.card", "$..list[*]"), Fields(MaskKind.Hash, "$.rows[*].email"),
            Masker.Compile([Rule("m", MaskKind.Redact, ["$..email"], detectors)], Key), Values(MaskKind.Redact, detectors),
        };
        var (changed, kept) = (0, 0);
        for (var seed = 0; seed < Rounds; seed++)
        {
            var samples = new JsonSamples(seed);
            var rows = Enumerable.Range(0, samples.Next(12)).Select(_ => Row(samples, 3));
            var document = Encoding.UTF8.GetBytes($"{{\"id\":7, \"rows\":[{string.Join(samples.Next(2) == 0 ? "," : " , ", rows)}],\"result\":{Row(samples, 3)} }}");
            var masker = maskers[samples.Next(maskers.Length)];
            foreach (var form in new[] { read, whole })
            {
                var quick = Outcome(masker, document, form);
                var slow = Outcome(masker.Unscreened(), document, form);
                Assert.True(slow == quick, $"seed {seed}: {Encoding.UTF8.GetString(document)}\nexpected {slow}\nfound {quick}");
                if (quick.Count > 0) changed++;
                else kept++;
            }
        }
        Assert.True(changed > Rounds / 2 && kept > Rounds / 20, $"{changed} changed, {kept} kept");
    }

    [Theory]
    [Row("M02")]
    [InlineData("$..emails[*]", """{"emails":["bob","alice"],"n":1}""", """{"emails":["[masked:m]","[masked:m]"],"n":1}""")]
    [InlineData("$.emails[*]", """{"a":[1,2,3],"emails":["bob, the first of all of them","alice"],"n":1}""", """{"a":[1,2,3],"emails":["[masked:m]","[masked:m]"],"n":1}""")]
    [InlineData("$..emails[*][*]", """{"emails":[["bob"],["alice"]]}""", """{"emails":[["[masked:m]"],["[masked:m]"]]}""")]
    public void What_a_path_leads_to_by_position_is_not_left_out(string path, string document, string expected) =>
        Assert.Equal(expected, Fields(MaskKind.Redact, path).Apply(document, new FrameShape { Form = FrameForm.Json, IsRead = true }));

    private static readonly string[] s_names = ["email", "card", "em\\u0061il", "list", "deep", "note", "a", "customer number", "password", "x\\\"email", "paid"];

    private static string Row(JsonSamples samples, int depth)
    {
        var members = Enumerable.Range(0, samples.Next(9)).Select(_ => $"\"{s_names[samples.Next(s_names.Length)]}\"{(samples.Next(5) == 0 ? " " : "")}:{(samples.Next(5) == 0 ? "\n " : "")}{Cell(samples, depth)}");
        return $"{{{string.Join(samples.Next(4) == 0 ? " , " : ",", members)}{(samples.Next(4) == 0 ? " " : "")}}}";
    }

    private static string Cell(JsonSamples samples, int depth) => samples.Next(14) switch
    {
        0 when depth > 0 => Row(samples, depth - 1),
        1 when depth > 0 => $"[{Cell(samples, depth - 1)},{Cell(samples, depth - 1)} , {Cell(samples, depth - 1)}]",
        2 => "\"email\"",
        3 => "\"bob@example.com\"",
        4 => "4111111111111111",
        5 => "null",
        6 => "true",
        7 => "-12.5e3",
        8 => "[]",
        9 => "\"a, b: {c} [d] \\\" , \\\\\"",
        10 => samples.Document(depth: 2),
        11 => "\"{\\\"email\\\":\\\"x\\\",\\\"n\\\":[1,2]}\"",
        12 => "\"\\u0065mail\"",
        _ => $"\"{new string('w', samples.Next(70))}\"",
    };

    [Theory]
    [Row("N04")]
    [InlineData("""{"result":"{\"n\":-411.108e+013}"}""")]
    [InlineData("""{"result":"{\"n\":0.00004119e20}"}""")]
    [InlineData("""{"result":"{\"n\":0.41110800e16}"}""")]
    [InlineData("""{"result":"{\"n\":\"4111\\t1111\\t1111\\t1111\"}"}""")]
    [InlineData("""{"result":"{\"n\":\"4111\\\/1111\\\/1111\\\/1111\"}"}""")]
    [InlineData("""{"result":"4111\t\t1111\/\/1111 \t 1111"}""")]
    [InlineData("""{"result":4111111111111111}""")]
    [InlineData("""{"result":"a\"b@example.com"}""")]
    [InlineData("""{"result":"\u00e910.1.2.3"}""")]
    [InlineData("""{"result":"\u00e94111111111111111"}""")]
    [InlineData("""{"result":"\u00e94111 1111 1111 1111"}""")]
    [InlineData("""{"result":"\u00e9078-05-1120"}""")]
    [InlineData("""{"result":"{\"n\":\"\\u00e910.1.2.3\"}"}""")]
    public void What_escapes_and_exponents_cover_gets_past_no_screen(string document)
    {
        var bytes = Encoding.UTF8.GetBytes(document);
        var shape = Shape([["result"]], []);
        var expected = Outcome(AllValues().Unscreened(), bytes, shape);
        Assert.Equal(1, expected.Count);
        Assert.Equal(expected, Outcome(AllValues(), bytes, shape));
    }

    [Fact]
    public void No_place_where_something_may_begin_is_left_out()
    {
        var literals = SecretLiterals.All.Select(literal => Encoding.UTF8.GetString(literal.Utf8)).ToArray();
        string[] pieces = [.. literals, "123-45-6789", "415-555-2671", "(415) 555", "+41", "10.0.0.1", "::1", "fe80:0:1:", "DE89", "4111", "@", "\\u0041", "7e", "PassWord", "pWD"];
        for (var seed = 0; seed < Rounds; seed++)
        {
            var samples = new JsonSamples(seed);
            var text = new StringBuilder();
            for (var i = samples.Next(12); i >= 0; i--)
            {
                var piece = pieces[samples.Next(pieces.Length)];
                text.Append(samples.Next(3) switch { 0 => piece, 1 => piece[..samples.Next(piece.Length)], _ => Piece(samples) });
            }
            var bytes = Encoding.UTF8.GetBytes(text.ToString());
            var found = new Dictionary<int, Anchors>();
            var reader = new AnchorReader(bytes, (Anchors)int.MaxValue);
            var last = -1;
            while (reader.Next(out var at, out var anchors))
            {
                Assert.True(at > last && at < bytes.Length);
                found[last = at] = anchors;
            }
            var read = Encoding.Latin1.GetString(bytes);
            foreach (var (anchor, pattern) in s_anchors)
            {
                foreach (System.Text.RegularExpressions.Match match in pattern.Matches(read))
                {
                    Assert.True((found.GetValueOrDefault(match.Index) & anchor) != Anchors.None, $"{anchor} at {match.Index} of {read}");
                }
            }
            for (var at = 0; at < bytes.Length; at++)
            {
                if (!SecretLiterals.All.Any(literal => literal.IsAt(bytes.AsSpan(at)))) continue;
                Assert.True((found.GetValueOrDefault(at) & Anchors.Literal) != Anchors.None, $"literal at {at} of {read}");
                Assert.Contains(SecretLiterals.Like(bytes.AsSpan(at)).ToArray(), literal => literal.IsAt(bytes.AsSpan(at)));
            }
        }
    }

    private static readonly (Anchors, System.Text.RegularExpressions.Regex)[] s_anchors =
    [
        (Anchors.Digits, new(@"(?<![0-9])(?:[0-9]{13}|[0-9]{4,12}(?=[-. _/\t\\\x80-\xff]))")),
        (Anchors.Iban, new("(?=[A-Za-z]{2}[0-9]{2})")),
        (Anchors.Plus, new("[+(](?=[0-9])")),
        (Anchors.Phone, new("(?<![0-9])[0-9]{3}[- .][0-9]{3}[- .][0-9]{4}")),
        (Anchors.Ssn, new("(?<![0-9])[0-9]{3}[- ][0-9]{2}[- ][0-9]{4}")),
        (Anchors.Dots, new("(?<![0-9])(?=[0-9]{1,3}[.][0-9]{1,3}[.][0-9]{1,3}[.])")),
        (Anchors.Colons, new("(?=::|:[0-9a-f]{1,4}:[0-9a-f]{1,4}:)")),
        (Anchors.At, new("@")),
        (Anchors.Escape, new(@"\\(?=u)")),
        (Anchors.Exponent, new("[0-9](?=[eE])")),
    ];

    [Fact]
    [Row("N04")]
    public void Cards_are_found_exactly_where_a_literal_reading_finds_them()
    {
        string[] cards = ["4111111111111111", "378282246310005", "4222222222222", "6759649826438453", "30569309025904", "6304000000000000000"];
        string[] between = ["", "", " ", "-", " - ", ".", "_", "x", ":", "    "];
        var found = 0;
        var hits = new HitList();
        for (var seed = 0; seed < Rounds; seed++)
        {
            var samples = new JsonSamples(seed);
            var text = new StringBuilder();
            for (var i = samples.Next(30); i >= 0; i--)
            {
                var card = cards[samples.Next(cards.Length)];
                if (samples.Next(3) == 0) card = card[..samples.Next(card.Length)];
                var step = samples.Next(6) + 1;
                foreach (var group in card.Chunk(step)) text.Append(group).Append(between[samples.Next(between.Length)]);
            }
            var bytes = Encoding.ASCII.GetBytes(text.ToString());
            hits.Clear();
            CardDetector.Find(bytes, 1, hits);
            var expected = Cards(text.ToString());
            Assert.Equal(expected, hits.Hits.ToArray().Select(hit => (hit.Start, hit.End)));
            DetectorSet.None.With(Detectors.CreditCard, 1).Find(bytes, hits);
            Assert.Equal(expected, hits.Hits.ToArray().Select(hit => (hit.Start, hit.End)));
            Assert.All(expected, card => Assert.Contains(Enumerable.Range(0, card.End), at => IsStartOfRun(bytes, at) && CardScreen.IsPossibleAt(bytes, at)));
            found += expected.Count;
        }
        Assert.True(found > Rounds / 4, $"{found} cards");
    }

    private static bool IsStartOfRun(byte[] bytes, int at) =>
        bytes.AsSpan(at).Length >= 4 && !bytes.AsSpan(at, 4).ContainsAnyExceptInRange((byte)'0', (byte)'9') && (at == 0 || !char.IsAsciiDigit((char)bytes[at - 1]));

    /// <summary>From left to right, at each group the longest run of groups that is a card.</summary>
    private static List<(int Start, int End)> Cards(string text)
    {
        var cards = new List<(int Start, int End)>();
        for (var start = 0; start < text.Length; start++)
        {
            if (!char.IsAsciiDigit(text[start]) || (start > 0 && char.IsAsciiDigit(text[start - 1]))) continue;
            var (best, at, digits, groups) = (-1, start, "", new List<int>());
            while (at < text.Length && char.IsAsciiDigit(text[at]))
            {
                var end = at;
                while (end < text.Length && char.IsAsciiDigit(text[end])) end++;
                digits += text[at..end];
                groups.Add(end - at);
                var isGrouped = groups.Count == 1 || (groups[0] >= 4 && groups.Skip(1).SkipLast(1).All(length => length >= 2));
                if (digits.Length > 19 || !isGrouped) break;
                if (digits.Length >= 13 && digits[0] != '0' && CardDetector.IsCard(Encoding.ASCII.GetBytes(digits))) best = end;
                at = end;
                while (at < text.Length && at - end < 9 && " -._".Contains(text[at], StringComparison.Ordinal)) at++;
                if (at == end) break;
            }
            if (best < 0) continue;
            cards.Add((start, best));
            start = best - 1;
        }
        return cards;
    }

    private static (string? Text, int Count) Outcome(Masker masker, byte[] document, FrameShape shape)
    {
        var output = new ArrayBufferWriter<byte>();
        try
        {
            var count = masker.Apply(document, shape, output);
            return (Encoding.UTF8.GetString(output.WrittenSpan), count);
        }
        catch (MaskingException)
        {
            Assert.Equal(0, output.WrittenCount);
            return (null, 0);
        }
    }

    private static string Frame(JsonSamples samples)
    {
        var rows = Enumerable.Range(0, samples.Next(3)).Select(_ => Value(samples, 2));
        return $"{{\"id\":{Value(samples, 0)},{Quoted(Prose(samples))}:1,\"rows\":[{string.Join(',', rows)}],\"result\":{Value(samples, 2)}}}";
    }

    private static string Value(JsonSamples samples, int depth) => samples.Next(8) switch
    {
        0 => "4111111111111111",
        1 => "-411.108e+013",
        2 => "17",
        3 when depth > 0 => Quoted($"{{{Quoted(Prose(samples))}:{Value(samples, depth - 1)}}}"),
        4 when depth > 0 => $"[{Value(samples, depth - 1)},{Value(samples, depth - 1)}]",
        5 => Quoted("plain prose of 2026"),
        _ => Quoted(Prose(samples)),
    };

    /// <summary>The string as one of several writers would put it: with and without <c>\u</c>, and with <c>\/</c>.</summary>
    private static string Quoted(string text)
    {
        var quoted = JsonSerializer.Serialize(text, s_plain);
        return text.Length % 2 == 0 ? quoted : quoted.Replace("/", "\\/", StringComparison.Ordinal);
    }

    private static readonly JsonSerializerOptions s_plain = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static string Prose(JsonSamples samples) => string.Concat(Enumerable.Range(0, samples.Next(9)).Select(_ => Piece(samples)));

    private static string Piece(JsonSamples samples) => s_pieces[samples.Next(s_pieces.Length)];
}
