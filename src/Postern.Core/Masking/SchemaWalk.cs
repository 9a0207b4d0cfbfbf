using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Postern.Core.Masking;

/// <summary>Goes through a schema beside the paths of a masker, and drops the keywords that masked values would break.</summary>
internal sealed class SchemaWalk(Masker masker, SchemaEdits edits)
{
    private readonly Masker _values = masker.DetectorsOnly();
    private readonly bool _anyString = masker.Detectors.Any;
    private readonly bool _anyNumber = masker.Detectors.Card > 0 || masker.Detectors.Secrets.Password > 0 || masker.Detectors.Patterns is not null;

    /// <summary>Where in the values a schema speaks of.</summary>
    /// <param name="Paths">The state of the paths there.</param>
    /// <param name="IsMasked">A path masks the value, or one around it, or might: the schema is reached by reference.</param>
    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Place(ulong[] Paths, bool IsMasked)
    {
        /// <summary>A mask may change the value or something in it.</summary>
        public bool IsTouched => IsMasked || Paths.AsSpan().ContainsAnyExcept(0UL);
    }

    public void Run(JsonElement schema)
    {
        var start = new ulong[masker.Paths.Words];
        masker.Paths.Start(start);
        // A reference into the schema itself may be followed from places that the walk cannot know.
        var isMasked = masker.Paths.Words > 0 && (masker.Paths.Best(start) > 0 || HasInnerReference(schema));
        Schema(schema, new Place(start, isMasked));
    }

    private void Schema(JsonElement schema, Place at)
    {
        if (schema.ValueKind != JsonValueKind.Object) return;
        var members = schema.EnumerateObject().ToArray();
        var isDropped = new bool[members.Length];
        for (var i = 0; i < members.Length; i++)
        {
            var before = edits.Count;
            isDropped[i] = IsBroken(members[i], at) || !Inside(schema, members, i, at, before);
            if (isDropped[i]) edits.Keep(before);
        }
        edits.Remove(schema, [.. members.Select(member => member.Value)], isDropped);
    }

    /// <summary>True for a keyword that a masked value may fail.</summary>
    private bool IsBroken(JsonProperty member, Place at) => member.Name switch
    {
        "pattern" or "format" or "minLength" or "maxLength" or "contentEncoding" or "contentMediaType" or "contentSchema" => at.IsMasked || _anyString,
        "minimum" or "maximum" or "exclusiveMinimum" or "exclusiveMaximum" => at.IsMasked || _anyNumber,
        // Listed values without anything to detect stay what they are under detectors.
        "enum" or "const" => at.IsTouched || IsDetected(member.Value),
        // Different values may become equal, and match where they did not.
        "uniqueItems" or "maxContains" => at.IsTouched || _anyString,
        _ => false,
    };

    /// <summary>Goes on into a keyword's schemas. False when the keyword has to go for what changed in them.</summary>
    private bool Inside(JsonElement schema, JsonProperty[] members, int index, Place at, int before)
    {
        var (name, value) = (members[index].Name, members[index].Value);
        switch (name)
        {
            case "properties":
                Each(value, member => Member(at, member));
                return true;
            case "patternProperties":
                Each(value, _ => AnyMember(at));
                return true;
            case "additionalProperties" or "unevaluatedProperties":
                // A masked name matches no pattern any more.
                if (value.ValueKind == JsonValueKind.False) return !_anyString || Array.TrueForAll(members, member => member.Name != "patternProperties");
                Schema(value, AnyMember(at));
                return true;
            case "propertyNames":
                Schema(value, new Place([], IsMasked: false));
                return true;
            case "items" or "prefixItems" or "additionalItems" or "unevaluatedItems" or "contains":
                SchemaOrList(value, Item(at));
                return true;
            case "allOf" or "anyOf" or "then" or "else":
                SchemaOrList(value, at);
                return true;
            case "dependentSchemas" or "dependencies":
                Each(value, _ => at);
                return true;
            case "$defs" or "definitions":
                // Who refers to them is not followed: they may speak of anything that a path masks.
                Each(value, _ => new Place([], IsMasked: masker.Paths.Words > 0));
                return true;
            case "not" or "if":
                // To relax a condition is to make what depends on it stricter.
                Schema(value, at);
                return edits.Count == before;
            case "oneOf":
                SchemaOrList(value, at);
                if (edits.Count == before) return true;
                // Relaxed choices may fit together.
                if (Array.Exists(members, member => member.Name == "anyOf")) return false;
                return edits.Rename(schema, index == 0 ? null : members[index - 1].Value, "oneOf"u8, "anyOf"u8);
            default:
                return true;
        }
    }

    private void Each(JsonElement schemas, Func<string, Place> placeOf)
    {
        if (schemas.ValueKind != JsonValueKind.Object) return;
        foreach (var member in schemas.EnumerateObject()) Schema(member.Value, placeOf(member.Name));
    }

    private void SchemaOrList(JsonElement value, Place at)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            Schema(value, at);
            return;
        }
        foreach (var item in value.EnumerateArray()) Schema(item, at);
    }

    private Place Member(Place at, string name)
    {
        var next = new ulong[at.Paths.Length];
        if (next.Length > 0) masker.Paths.Member(at.Paths, System.Text.Encoding.UTF8.GetBytes(name), next);
        return Settled(at, next);
    }

    private Place AnyMember(Place at)
    {
        var next = new ulong[at.Paths.Length];
        if (next.Length > 0) masker.Paths.AnyMember(at.Paths, next);
        return Settled(at, next);
    }

    private Place Item(Place at)
    {
        var next = new ulong[at.Paths.Length];
        if (next.Length > 0) masker.Paths.Item(at.Paths, next);
        return Settled(at, next);
    }

    private Place Settled(Place at, ulong[] next) => new(next, at.IsMasked || masker.Paths.Best(next) > 0);

    private bool IsDetected(JsonElement value) =>
        _anyString && _values.Apply(JsonMarshal.GetRawUtf8Value(value), FrameShape.Json, new ArrayBufferWriter<byte>()) > 0;

    private static bool HasInnerReference(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Array => element.EnumerateArray().Any(HasInnerReference),
        JsonValueKind.Object => element.EnumerateObject().Any(member =>
            (member.Name is "$ref" or "$dynamicRef" or "$recursiveRef" && !IsToDefinitions(member.Value)) || HasInnerReference(member.Value)),
        _ => false,
    };

    private static bool IsToDefinitions(JsonElement reference) =>
        reference.ValueKind == JsonValueKind.String
        && reference.GetString() is { } text
        && (text.StartsWith("#/$defs/", StringComparison.Ordinal) || text.StartsWith("#/definitions/", StringComparison.Ordinal));
}
