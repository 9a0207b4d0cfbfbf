using System.Buffers;
using System.Text.Json;

namespace Postern.Protocols.Kubernetes.Wire;

/// <summary>
/// Takes out what never leaves a cluster through us, whoever asks: values of Secrets (and their copy in the last-applied annotation), tokens of
/// service accounts, and managed fields, which repeat names and values of all else (attacks K08, K17). Names stay, so that Secrets can be listed. What stands in
/// a value's place is base 64 where the API has base 64. Everything else is copied byte for byte.
/// </summary>
internal static class ObjectScrub
{
    /// <summary>What stands in the place of a value.</summary>
    public const string Placeholder = "[masked:secret]";

    /// <summary>The same in base 64.</summary>
    public const string EncodedPlaceholder = "W21hc2tlZDpzZWNyZXRd";

    /// <summary>The annotation in which kubectl keeps a copy of the whole object.</summary>
    public const string LastApplied = "kubectl.kubernetes.io/last-applied-configuration";

    /// <summary>True when a body brings back what stood in a value's place; written, it would destroy the value.</summary>
    public static bool WritesBack(ReadOnlySpan<byte> body) => body.IndexOf("[masked:"u8) >= 0 || body.IndexOf("W21hc2tlZDpzZWNyZXRd"u8) >= 0;

    /// <summary>Writes one document without them, and returns true for a table, whose cells no path of a mask leads to.</summary>
    /// <param name="document">Strict JSON.</param>
    /// <param name="areSecrets">The request's resource is Secrets: then every object is one, whatever it says.</param>
    /// <param name="output">Takes the document.</param>
    public static bool Document(ReadOnlySpan<byte> document, bool areSecrets, IBufferWriter<byte> output)
    {
        var reader = new Utf8JsonReader(document, new JsonReaderOptions { MaxDepth = 64 });
        var run = new Run(document, output);
        reader.Read();
        var isTable = run.Document(ref reader, areSecrets);
        run.Rest();
        return isTable;
    }

    /// <summary>The same for one event of a watch: <c>{"type":…,"object":…}</c>.</summary>
    public static bool Event(ReadOnlySpan<byte> document, bool areSecrets, IBufferWriter<byte> output)
    {
        var reader = new Utf8JsonReader(document, new JsonReaderOptions { MaxDepth = 64 });
        var run = new Run(document, output);
        var isTable = false;
        reader.Read();
        if (reader.TokenType == JsonTokenType.StartObject)
        {
            while (Run.Member(ref reader))
            {
                var isObject = reader.ValueTextEquals("object"u8);
                reader.Read();
                if (isObject) isTable = run.Document(ref reader, areSecrets);
                else reader.Skip();
            }
        }
        run.Rest();
        return isTable;
    }

    private ref struct Run(ReadOnlySpan<byte> document, IBufferWriter<byte> output)
    {
        private readonly ReadOnlySpan<byte> _document = document;
        private readonly IBufferWriter<byte> _output = output;
        private int _copied;

        public static bool Member(ref Utf8JsonReader reader) => reader.Read() && reader.TokenType == JsonTokenType.PropertyName;

        public readonly void Rest() => _output.Write(_document[_copied..]);

        public bool Document(ref Utf8JsonReader reader, bool areSecrets)
        {
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                reader.Skip();
                return false;
            }
            var kind = KindOf(reader);
            switch (kind)
            {
                case "Table":
                    Items(ref reader, "rows"u8, areSecrets, inRows: true);
                    return true;
                case { } list when list.EndsWith("List", StringComparison.Ordinal):
                    Items(ref reader, "items"u8, areSecrets || list is "SecretList", inRows: false);
                    return false;
                default:
                    Object(ref reader, areSecrets || kind is "Secret", kind);
                    return false;
            }
        }

        // A copy of the reader looks ahead; the kind is mostly the first member.
        private static string? KindOf(Utf8JsonReader reader)
        {
            while (Member(ref reader))
            {
                var isKind = reader.ValueTextEquals("kind"u8);
                reader.Read();
                if (isKind) return reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
                reader.Skip();
            }
            return null;
        }

        private void Items(ref Utf8JsonReader reader, ReadOnlySpan<byte> member, bool areSecrets, bool inRows)
        {
            while (Member(ref reader))
            {
                if (reader.ValueTextEquals("metadata"u8))
                {
                    Metadata(ref reader, areSecrets);
                    continue;
                }
                var isHere = reader.ValueTextEquals(member);
                reader.Read();
                if (!isHere || reader.TokenType != JsonTokenType.StartArray)
                {
                    reader.Skip();
                    continue;
                }
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    if (reader.TokenType != JsonTokenType.StartObject) reader.Skip();
                    else if (inRows) Row(ref reader, areSecrets);
                    else Item(ref reader, areSecrets);
                }
            }
        }

        private void Row(ref Utf8JsonReader reader, bool areSecrets)
        {
            while (Member(ref reader))
            {
                var isObject = reader.ValueTextEquals("object"u8);
                reader.Read();
                if (isObject && reader.TokenType == JsonTokenType.StartObject) Item(ref reader, areSecrets);
                else reader.Skip();
            }
        }

        private void Item(ref Utf8JsonReader reader, bool areSecrets)
        {
            var kind = areSecrets ? "Secret" : KindOf(reader);
            Object(ref reader, areSecrets || kind is "Secret", kind);
        }

        private void Object(ref Utf8JsonReader reader, bool isSecret, string? kind)
        {
            while (Member(ref reader))
            {
                if (reader.ValueTextEquals("metadata"u8)) Metadata(ref reader, isSecret);
                else if (isSecret && reader.ValueTextEquals("data"u8)) Values(ref reader, "\"W21hc2tlZDpzZWNyZXRd\""u8);
                else if (isSecret && reader.ValueTextEquals("stringData"u8)) Values(ref reader, "\"[masked:secret]\""u8);
                else if (kind is "TokenRequest" && reader.ValueTextEquals("status"u8)) Named(ref reader, "token"u8);
                else if (kind is "TokenReview" && reader.ValueTextEquals("spec"u8)) Named(ref reader, "token"u8);
                else Skip(ref reader);
            }
        }

        private void Metadata(ref Utf8JsonReader reader, bool isSecret)
        {
            if (!Enters(ref reader)) return;
            while (Member(ref reader))
            {
                if (reader.ValueTextEquals("managedFields"u8)) Replace(ref reader, "[]"u8);
                else if (isSecret && reader.ValueTextEquals("annotations"u8)) Annotations(ref reader);
                else Skip(ref reader);
            }
        }

        private void Annotations(ref Utf8JsonReader reader)
        {
            if (!Enters(ref reader)) return;
            while (Member(ref reader))
            {
                // An empty object: what kubectl compares with stays readable to it.
                if (reader.ValueTextEquals(LastApplied)) Replace(ref reader, "\"{}\""u8);
                else Skip(ref reader);
            }
        }

        private void Values(ref Utf8JsonReader reader, ReadOnlySpan<byte> instead)
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.Null) return;
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                Put(ref reader, "null"u8);
                return;
            }
            while (Member(ref reader)) Replace(ref reader, instead);
        }

        private void Named(ref Utf8JsonReader reader, ReadOnlySpan<byte> member)
        {
            if (!Enters(ref reader)) return;
            while (Member(ref reader))
            {
                if (reader.ValueTextEquals(member)) Replace(ref reader, "\"[masked:secret]\""u8);
                else Skip(ref reader);
            }
        }

        /// <summary>Reads on to the value that comes next: into it when it is an object, else behind it.</summary>
        private static bool Enters(ref Utf8JsonReader reader)
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.StartObject) return true;
            reader.Skip();
            return false;
        }

        /// <summary>Puts something in the place of the value that comes next; null stays null.</summary>
        private void Replace(ref Utf8JsonReader reader, ReadOnlySpan<byte> instead)
        {
            reader.Read();
            if (reader.TokenType != JsonTokenType.Null) Put(ref reader, instead);
        }

        private void Put(ref Utf8JsonReader reader, ReadOnlySpan<byte> instead)
        {
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            _output.Write(_document[_copied..start]);
            _output.Write(instead);
            _copied = (int)reader.BytesConsumed;
        }

        private static void Skip(ref Utf8JsonReader reader)
        {
            reader.Read();
            reader.Skip();
        }
    }
}
