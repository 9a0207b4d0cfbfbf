using Postern.Core.Recording;

namespace Postern.Tests.Core.Recording;

[Row("S10")]
public sealed class VisibleTextTests
{
    [Theory]
    [InlineData("\u001b[2J", "⟨U+001B⟩[2J")]
    [InlineData("\u001b]0;title\a", "⟨U+001B⟩]0;title⟨U+0007⟩")]
    [InlineData("\u009b31m", "⟨U+009B⟩31m")]
    [InlineData("a\rb", "a⟨U+000D⟩b")]
    [InlineData("user\u202etxt.exe", "user⟨U+202E⟩txt.exe")]
    [InlineData("a\u200bb\u2066c\ufeff", "a⟨U+200B⟩b⟨U+2066⟩c⟨U+FEFF⟩")]
    [InlineData("a\u00a0b\u3000c", "a⟨U+00A0⟩b⟨U+3000⟩c")]
    [InlineData("x\ufe0f\ufe01", "x⟨U+FE0F⟩⟨U+FE01⟩")]
    [InlineData("\udb40\udc41", "⟨U+E0041⟩")]
    [InlineData("\u3164\u2800\u115f", "⟨U+3164⟩⟨U+2800⟩⟨U+115F⟩")]
    [InlineData("\u2028", "⟨U+2028⟩")]
    [InlineData("⟨U+202E⟩", "⟨U+27E8⟩U+202E⟨U+27E9⟩")]
    public void What_hides_or_moves_is_written_out(string text, string shown)
    {
        Assert.Equal(shown, VisibleText.OfLine(text));
        Assert.Equal(shown, VisibleText.OfLines(text));
    }

    [Theory]
    [InlineData("plain, \"quoted\" and <b>")]
    [InlineData("Théo Garnier, Marković, 日本語, Ωмега, ₤ 😀")]
    public void Ordinary_text_stays_as_it_is(string text) => Assert.Equal(text, VisibleText.OfLine(text));

    [Fact]
    public void Lines_stay_only_where_lines_are_expected()
    {
        Assert.Equal("a\n\tb", VisibleText.OfLines("a\n\tb"));
        Assert.Equal("a⟨U+000A⟩⟨U+0009⟩b", VisibleText.OfLine("a\n\tb"));
    }

    // Attribute values are stored as UTF-8, which cannot carry half a pair.
    [Fact]
    public void Half_a_surrogate_pair_is_written_out() => Assert.Equal("⟨U+D800⟩x", VisibleText.OfLine("\ud800x"));

    [Fact]
    public void Bytes_that_are_not_text_are_written_out()
    {
        Assert.Equal("a⟨x9B⟩⟨xFF⟩b", VisibleText.OfLines([(byte)'a', 0x9B, 0xFF, (byte)'b']));
        Assert.Equal("é⟨U+001B⟩", VisibleText.OfLines("é\u001b"u8));
    }

    [Fact]
    public void Two_texts_that_differ_are_shown_differently()
    {
        string[] lookAlikes = ["pay", "pay\u200b", "p\u00aday", "pay\u200d", "\ufeffpay", "pay ", "pay\u00a0", "pay⟨U+200B⟩"];

        Assert.Equal(lookAlikes.Length, lookAlikes.Select(text => VisibleText.OfLine(text)).Distinct().Count());
    }
}
