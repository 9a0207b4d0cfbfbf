using System.Diagnostics;
using System.Text.Json;
using Postern.Core.Masking;
using static Postern.Tests.Masking.MaskTest;

namespace Postern.Tests.Masking;

/// <summary>Operators' own patterns.</summary>
[Guarantee("G11")]
public sealed class PatternMaskTests
{
    [Fact]
    public void What_a_pattern_matches_is_masked_in_texts_names_and_numbers()
    {
        var masker = Patterns(MaskKind.Redact, "EMP-[0-9]{6}", "^77[0-9]{4}$");

        Assert.Equal(
            """{"id":"[masked:m]","note":"é [masked:m] and [masked:m]; EMP-12345","[masked:m:1]":1,"n":0,"k":[770,1770001]}""",
            masker.Apply("""{"id":"EMP-123456","note":"é EMP-000001 and EMP-000002; EMP-12345","EMP-777777":1,"n":770001,"k":[770,1770001]}"""));
        Assert.Equal("a [masked:m]", masker.Apply("a EMP-123456", FrameShape.Text));
        Assert.Equal("""{"text":"{\"id\":\"[masked:m]\"}"}""", masker.Apply("""{"text":"{\"id\":\"EMP-123456\"}"}""", Shape([["text"]], [])));
    }

    [Fact]
    public void A_weak_pattern_hides_nothing_from_a_strong_one()
    {
        var masker = Masker.Compile([Pattern("weak", MaskKind.Partial, "CASE-[0-9]+"), Pattern("strong", MaskKind.Redact, "CASE-[0-9]+/[A-Z]+")], Key);

        Assert.Equal("\"[masked:strong] and ****678\"", masker.Apply("\"CASE-12345678/ADA and CASE-12345678\""));
    }

    [Fact]
    public void Patterns_too_large_to_stand_together_are_asked_apart()
    {
        var masker = Patterns(MaskKind.Redact, [.. Enumerable.Range(0, 12).Select(i => $"k{i}-[a-z0-9]{{900}}")]);

        Assert.Equal("\"[masked:m] [masked:m]\"", masker.Apply($"\"k3-{new string('a', 900)} k11-{new string('b', 900)}\""));
    }

    [Theory]
    [Row("M03")]
    [InlineData("RU1QLTEyMzQ1Ng==", Decodings.Base64)]
    [InlineData("EMP%2d123456", Decodings.Url)]
    public void Patterns_are_asked_of_decoded_text_too(string text, Decodings decode) =>
        Assert.Equal("\"[masked:m]\"", Masker.Compile([Pattern("m", MaskKind.Redact, "EMP-[0-9]{6}") with { Decode = decode }], Key).Apply($"\"{text}\""));

    [Theory]
    [InlineData("(a", "not a regular expression from character 3 on: `(` without `)`")]
    [InlineData("[a-", "not a regular expression from character 4 on: `[` without `]`")]
    [InlineData("a**", "not a regular expression from character 4 on: a repeat of nothing")]
    [InlineData("(?<=a)b", "look-around, back references and atomic groups cannot be matched in linear time; write the pattern without")]
    [InlineData("(a)\\1", "look-around, back references and atomic groups cannot be matched in linear time; write the pattern without")]
    [InlineData("[a-z]{10,20000}", "the pattern is too large to be matched in linear time; shorten its repeats, `{10,}` costs less than `{10,2000}`")]
    [InlineData("a*", "the pattern matches nothing at all, and so everywhere; ask for at least one character")]
    [InlineData("(?x)a # b", "not a regular expression from character 10 on: `(` without `)`")]
    public void A_pattern_that_cannot_be_asked_is_refused_with_the_reason(string text, string expected)
    {
        Assert.False(MaskPattern.TryParse(text, out _, out var error));
        Assert.Equal(expected, error);
    }

    [Fact]
    public void A_pattern_has_a_longest_length() => Assert.False(MaskPattern.TryParse(new string('a', MaskPattern.MaxLength + 1), out _, out _));

    [Theory]
    [Row("M16")]
    [InlineData("(a+)+$", "a")]
    [InlineData("(a|aa)+$", "a")]
    [InlineData("(.*a){12}x", "a")]
    [InlineData("([a-z]+)*[0-9]", "a")]
    [InlineData("^(([a-z])+.)+[A-Z]([a-z])+$", "a")]
    public void Patterns_known_to_explode_are_linear_here(string pattern, string unit)
    {
        var masker = Patterns(MaskKind.Redact, pattern, "never-there");
        masker.Apply("\"warm\"");
        var start = Stopwatch.GetTimestamp();
        masker.Apply(JsonSerializer.Serialize(string.Concat(Enumerable.Repeat(unit, 200_000)) + "!"));
        Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(8), $"{Stopwatch.GetElapsedTime(start)}");
    }

    private static Masker Patterns(MaskKind kind, params string[] patterns) => Masker.Compile([Pattern("m", kind, patterns)], Key);

    private static MaskRule Pattern(string id, MaskKind kind, params string[] patterns) =>
        new(id, [], [], kind) { Patterns = [.. patterns.Select(text => MaskPattern.TryParse(text, out var pattern, out var error) ? pattern! : throw new ArgumentException(error))] };
}
