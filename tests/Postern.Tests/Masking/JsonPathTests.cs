using Postern.Core.Masking;

namespace Postern.Tests.Masking;

public sealed class JsonPathTests
{
    [Theory]
    [InlineData("$")]
    [InlineData("$.a")]
    [InlineData("$..a")]
    [InlineData("$[*]")]
    [InlineData("$.a[*].b..c[*][*]")]
    [InlineData("$.first-name.straße._x")]
    public void A_path_reads(string text)
    {
        Assert.True(JsonPath.TryParse(text, out var path, out var error));
        Assert.Equal(text, path!.Text);
        Assert.Null(error);
    }

    [Theory]
    [InlineData("", "expected `$` at character 1, found the end")]
    [InlineData("a.b", "expected `$` at character 1, found `a`")]
    [InlineData("$.", "expected a name at character 3, found the end")]
    [InlineData("$...a", "expected a name at character 4, found `.`")]
    [InlineData("$.a[0]", "expected `[*]`, the one index that masks know at character 4, found `[`")]
    [InlineData("$.*", "expected a name at character 3, found `*`")]
    [InlineData("$..[*]", "expected a name at character 4, found `[`")]
    [InlineData("$a", "expected `.name`, `..name` or `[*]` at character 2, found `a`")]
    [InlineData("$.a b", "expected a name at character 4, found ` `")]
    [InlineData("$.a]", "expected a name at character 4, found `]`")]
    public void What_is_not_a_path_is_refused_with_its_place(string text, string expected)
    {
        Assert.False(JsonPath.TryParse(text, out var path, out var error));
        Assert.Null(path);
        Assert.Equal(expected, error);
    }
}
