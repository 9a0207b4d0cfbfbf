using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace Postern.Gateway.Exports;

/// <summary>What an event is about; sinks choose by it.</summary>
[Flags]
internal enum ExportKinds
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Operations with what policy said and how they ended, and requests that were refused before policy.</summary>
    Decisions = 1,

    /// <summary>Questions to people, their answers, and grants.</summary>
    Holds = 2,

    /// <summary>Changes of the gateway and reads of its recordings.</summary>
    Administration = 4,

    /// <summary>Segments and checkpoints: whoever keeps them can prove a cut.</summary>
    Journal = 8,

    /// <summary>Frames; only for sinks that take content.</summary>
    Content = 16,

    /// <summary>Everything but content.</summary>
    All = Decisions | Holds | Administration | Journal,
}

/// <summary>How loud an event is: the numbers of RFC 5424, section 6.2.1.</summary>
internal enum EventSeverity
{
    /// <summary>Something failed.</summary>
    Error = 3,

    /// <summary>Something was refused.</summary>
    Warning = 4,

    /// <summary>Somebody decided or changed something.</summary>
    Notice = 5,

    /// <summary>All else.</summary>
    Information = 6,
}

/// <summary>One name with a text, a number or several texts.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct EventField(string Name, string? Text, long? Number, ImmutableArray<string> Texts)
{
    public EventField(string name, string text)
        : this(name, text, null, default)
    {
    }

    public EventField(string name, long number)
        : this(name, null, number, default)
    {
    }

    public EventField(string name, ImmutableArray<string> texts)
        : this(name, null, null, texts)
    {
    }

    /// <summary>The value on one line.</summary>
    public string Value => Text ?? Number?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? string.Join(',', Texts);
}

/// <summary>
/// One record of the journal as other systems are told of it. The one model of all formats: whatever is not in it leaves in none of
/// them. It is made from records, which hold masked content only.
/// </summary>
internal sealed record ExportEvent
{
    /// <summary>The journal's id. With <see cref="Sequence"/> it names the event: a receiver knows a repetition by the two.</summary>
    public required string Journal { get; init; }

    /// <summary>The record's number.</summary>
    public required long Sequence { get; init; }

    /// <summary>When it happened.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>A dotted name, for example <c>operation.asked</c>; at most 32 characters.</summary>
    public required string Kind { get; init; }

    /// <summary>What it is about.</summary>
    public required ExportKinds About { get; init; }

    /// <summary>How loud it is.</summary>
    public required EventSeverity Severity { get; init; }

    /// <summary>Everything else, in a fixed order per kind.</summary>
    public required ImmutableArray<EventField> Fields { get; init; }

    /// <summary>Kept content after masks; empty for sinks that take none.</summary>
    public ReadOnlyMemory<byte> Content { get; init; }

    /// <summary>The value of a field, or null.</summary>
    public string? Find(string name)
    {
        foreach (var field in Fields)
        {
            if (string.Equals(field.Name, name, StringComparison.Ordinal)) return field.Value;
        }
        return null;
    }

    /// <summary>Without content, and with no text longer than so many characters nor more than so many texts in a field, for receivers that take short messages only. What was cut says so.</summary>
    public ExportEvent Shortened(int characters, int texts)
    {
        string Cut(string text) => text.Length <= characters ? text : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{text[..(char.IsHighSurrogate(text[characters - 1]) ? characters - 1 : characters)]} (cut: {text.Length} characters)");
        var fields = ImmutableArray.CreateBuilder<EventField>(Fields.Length + 1);
        foreach (var field in Fields)
        {
            if (field.Text is { } text) fields.Add(new(field.Name, Cut(text)));
            else if (field.Number is { } number) fields.Add(new(field.Name, number));
            else if (field.Texts.Length <= texts) fields.Add(new(field.Name, [.. field.Texts.Select(Cut)]));
            else fields.Add(new(field.Name, [.. field.Texts.Take(texts).Select(Cut), string.Create(System.Globalization.CultureInfo.InvariantCulture, $"(cut: {field.Texts.Length} values)")]));
        }
        fields.Add(new("shortened", "true"));
        return this with { Fields = fields.ToImmutable(), Content = default };
    }
}
