using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Postern.Core.Recording;

namespace Postern.Gateway.Recordings.Search;

/// <summary>The terms by which what was asked is found: words and arguments of the masked request, and its facts.</summary>
internal static class RequestTerms
{
    /// <summary>Of each request so many bytes are read; its record has all of it.</summary>
    public const int RequestBytes = 4 * 1024;

    /// <summary>Of each operation no more terms are kept than these, so that one of them cannot fill the index.</summary>
    public const int MaxTerms = 256;

    private const int ShortestWord = 2;

    /// <summary>Adds the terms of one request, after masks.</summary>
    public static void Add(TermSet to, ReadOnlySpan<byte> request)
    {
        var text = request.Length <= RequestBytes ? request : request[..RequestBytes];
        var begin = text.IndexOfAnyExcept(" \t\r\n"u8);
        if (begin >= 0 && text[begin] is (byte)'{' or (byte)'[' && TryAddJson(to, text)) return;
        AddWords(to, text);
    }

    /// <summary>Adds the terms of facts.</summary>
    public static void Add(TermSet to, ImmutableArray<RecordedPart> parts)
    {
        if (parts.IsDefault) return;
        foreach (var part in parts)
        {
            foreach (var fact in part.Facts)
            {
                if (fact.All) AddArgument(to, fact.Name, "*");
                foreach (var value in fact.Values)
                {
                    if (to.Count >= MaxTerms) return;
                    AddArgument(to, fact.Name, value);
                    // `public.orders` is found as `orders` too.
                    if (value.LastIndexOf('.') is > 0 and var dot && dot + 1 < value.Length) AddArgument(to, fact.Name, value.AsSpan(dot + 1));
                    AddWords(to, value);
                }
            }
        }
    }

    /// <summary>The terms that all have to be there for these words to be.</summary>
    public static ReadOnlySpan<long> OfWords(string words)
    {
        var terms = new TermSet();
        AddWords(terms, words);
        return terms.Terms;
    }

    private static void AddArgument(TermSet to, ReadOnlySpan<char> name, ReadOnlySpan<char> value)
    {
        to.Add(Term.Of(TermKind.Argument, name, value));
        to.Add(Term.Of(TermKind.Argument, "", value));
    }

    private static bool TryAddJson(TermSet to, ReadOnlySpan<byte> text)
    {
        // What was cut off is not an error: reading stops where the bytes do.
        var json = new Utf8JsonReader(text, isFinalBlock: false, new JsonReaderState(new JsonReaderOptions { MaxDepth = 64 }));
        Span<char> nameRoom = stackalloc char[Term.MaxLength * 2];
        scoped ReadOnlySpan<char> name = default;
        Span<char> value = stackalloc char[Term.MaxLength * 2];
        try
        {
            while (json.Read() && to.Count < MaxTerms)
            {
                switch (json.TokenType)
                {
                    case JsonTokenType.PropertyName:
                        name = json.ValueSpan.Length <= nameRoom.Length ? nameRoom[..json.CopyString(nameRoom)] : json.GetString();
                        break;
                    case JsonTokenType.String:
                        var length = json.HasValueSequence || json.ValueSpan.Length > value.Length ? -1 : json.CopyString(value);
                        ReadOnlySpan<char> read = length < 0 ? json.GetString().AsSpan() : value[..length];
                        AddArgument(to, name, read);
                        AddWords(to, read);
                        break;
                    case JsonTokenType.Number or JsonTokenType.True or JsonTokenType.False:
                        var shown = value[..Encoding.UTF8.GetChars(json.ValueSpan.Length <= value.Length ? json.ValueSpan : json.ValueSpan[..value.Length], value)];
                        AddArgument(to, name, shown);
                        AddWords(to, shown);
                        break;
                    default:
                        break;
                }
            }
            return true;
        }
        catch (Exception notJson) when (notJson is JsonException or InvalidOperationException)
        {
            // Looked like JSON and is none: its words are found all the same.
            return false;
        }
    }

    private static void AddWords(TermSet to, ReadOnlySpan<char> text)
    {
        for (var at = 0; at < text.Length && to.Count < MaxTerms;)
        {
            while (at < text.Length && !IsPart(text[at])) at++;
            var from = at;
            while (at < text.Length && IsPart(text[at])) at++;
            if (at - from >= ShortestWord) to.Add(Term.Of(TermKind.Word, text[from..at]));
        }
    }

    private static void AddWords(TermSet to, ReadOnlySpan<byte> text)
    {
        var chars = ArrayPool<char>.Shared.Rent(text.Length);
        // Bytes that are no text come out as U+FFFD, which no word holds.
        AddWords(to, chars.AsSpan(0, Encoding.UTF8.GetChars(text, chars)));
        ArrayPool<char>.Shared.Return(chars);
    }

    private static bool IsPart(char unit) => char.IsLetterOrDigit(unit) || unit == '_' || char.IsSurrogate(unit);
}
