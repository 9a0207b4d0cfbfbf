using System.Collections.Frozen;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Postern.Core.Policy.Cel;

internal enum CelKind : byte
{
    /// <summary>Evaluation failed; an error in a condition denies.</summary>
    Error,

    /// <summary>Depends on what is not known yet.</summary>
    Unknown,
    Null,
    False,
    True,

    /// <summary>A number that <see cref="decimal"/> holds exactly.</summary>
    Number,

    /// <summary>A JSON number that it does not; compared by its text.</summary>
    LongNumber,
    Text,
    List,
    Map,
    Timestamp,
    Duration,

    /// <summary>An optional without a value.</summary>
    None,
}

/// <summary>
/// A value while a condition runs. JSON stays the raw bytes of the request and is read in place, so that evaluation
/// allocates next to nothing and numbers keep every digit.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal readonly struct CelValue
{
    private CelValue(CelKind kind, decimal number = 0, object? reference = null, ReadOnlyMemory<byte> json = default, bool isOptional = false)
    {
        Kind = kind;
        Number = number;
        Reference = reference;
        Json = json;
        IsOptional = isOptional;
    }

    public static readonly CelValue Unknown = new(CelKind.Unknown);
    public static readonly CelValue Null = new(CelKind.Null);
    public static readonly CelValue True = new(CelKind.True);
    public static readonly CelValue False = new(CelKind.False);
    public static readonly CelValue None = new(CelKind.None, isOptional: true);
    public static readonly CelValue EmptyMap = new(CelKind.Map, json: "{}"u8.ToArray());

    public CelKind Kind { get; }

    /// <summary>Wrapped as an optional.</summary>
    public bool IsOptional { get; }

    /// <summary>Number: the value. Timestamp and duration: ticks of 100 ns.</summary>
    public decimal Number { get; }

    /// <summary>Error: message. Text: string, unless raw. List: array of values or texts, or a set of texts, unless raw. Map: entries, unless raw.</summary>
    public object? Reference { get; }

    /// <summary>The raw JSON of a value that came as JSON.</summary>
    public ReadOnlyMemory<byte> Json { get; }

    public bool IsRaw => Reference is null;

    public bool IsBool => Kind is CelKind.True or CelKind.False;

    public bool IsNumber => Kind is CelKind.Number or CelKind.LongNumber;

    /// <summary>An error or unknown: nothing to compute with.</summary>
    public bool IsStuck => Kind is CelKind.Error or CelKind.Unknown;

    public static CelValue Error(string message) => new(CelKind.Error, reference: message);

    public static CelValue Of(bool value) => value ? True : False;

    public static CelValue Of(decimal value) => new(CelKind.Number, value);

    public static CelValue Of(string value) => new(CelKind.Text, reference: value);

    public static CelValue Of(CelValue[] items) => new(CelKind.List, reference: items);

    public static CelValue Of(string[] items) => new(CelKind.List, reference: items);

    public static CelValue Of(FrozenSet<string> items) => new(CelKind.List, reference: items);

    public static CelValue Of(KeyValuePair<CelValue, CelValue>[] entries) => new(CelKind.Map, reference: entries);

    public static CelValue Of(DateTimeOffset instant) => new(CelKind.Timestamp, instant.UtcTicks);

    public static CelValue Of(TimeSpan duration) => new(CelKind.Duration, duration.Ticks);

    public static CelValue OfTicks(CelKind kind, decimal ticks) => new(kind, ticks);

    /// <summary>A value in its raw JSON form, which must be one well-formed value without surrounding space.</summary>
    public static CelValue FromJson(ReadOnlyMemory<byte> json) => json.IsEmpty ? Error("a value is missing") : json.Span[0] switch
    {
        (byte)'{' => new(CelKind.Map, json: json),
        (byte)'[' => new(CelKind.List, json: json),
        (byte)'"' => new(CelKind.Text, json: json),
        (byte)'t' => True,
        (byte)'f' => False,
        (byte)'n' => Null,
        _ => CelNumber.FromJson(json),
    };

    internal static CelValue LongNumber(ReadOnlyMemory<byte> json) => new(CelKind.LongNumber, json: json);

    public CelValue AsOptional() => new(Kind, Number, Reference, Json, isOptional: true);

    public CelValue Unwrapped() => IsOptional ? new(Kind, Number, Reference, Json) : this;

    /// <summary>Text: the string; decoded on demand.</summary>
    public string AsText()
    {
        if (Reference is string text) return text;
        var reader = new Utf8JsonReader(Json.Span);
        reader.Read();
        return reader.GetString()!;
    }

    /// <summary>What kind it is, for messages.</summary>
    public string Name => Kind switch
    {
        CelKind.True or CelKind.False => "a boolean",
        CelKind.Number or CelKind.LongNumber => "a number",
        CelKind.Text => "a text",
        CelKind.List => "a list",
        CelKind.Map => "a map",
        CelKind.Timestamp => "an instant",
        CelKind.Duration => "a duration",
        CelKind.Null => "null",
        CelKind.None => "an optional without a value",
        CelKind.Unknown => "not known yet",
        _ => "an error",
    };
}
