using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using Postern.Core.Json;

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

    private static ReadOnlySpan<byte> LastAppliedName => "kubectl.kubernetes.io/last-applied-configuration"u8;

    /// <summary>True when a body brings back what stood in a value's place; written, it would destroy the value.</summary>
    public static bool WritesBack(ReadOnlySpan<byte> body) => body.IndexOf("[masked:"u8) >= 0 || body.IndexOf("W21hc2tlZDpzZWNyZXRd"u8) >= 0;

    /// <summary>Writes one document without them.</summary>
    /// <param name="document">Strict JSON (<see cref="StrictJson"/>).</param>
    /// <param name="areSecrets">The request's resource is Secrets: then every object is one, whatever it says.</param>
    /// <param name="output">Takes the document when something was taken out of it, and nothing otherwise: then it goes on as it is.</param>
    public static ScrubbedObject Document(ReadOnlySpan<byte> document, bool areSecrets, IBufferWriter<byte> output)
    {
        var tokens = new JsonTokens(document);
        var run = new Run(document, output);
        tokens.Read();
        var isTable = run.Document(ref tokens, areSecrets);
        return new ScrubbedObject(isTable, run.Rest());
    }

    /// <summary>The same for one event of a watch: <c>{"type":…,"object":…}</c>.</summary>
    public static ScrubbedObject Event(ReadOnlySpan<byte> document, bool areSecrets, IBufferWriter<byte> output)
    {
        var tokens = new JsonTokens(document);
        var run = new Run(document, output);
        var isTable = false;
        tokens.Read();
        if (tokens.Kind == JsonTokenType.StartObject)
        {
            while (Run.Member(ref tokens))
            {
                var isObject = tokens.Is("object"u8);
                tokens.Read();
                if (isObject) isTable = run.Document(ref tokens, areSecrets);
                else tokens.Skip();
            }
        }
        return new ScrubbedObject(isTable, run.Rest());
    }

    private enum Kind
    {
        Other,
        Secret,
        SecretList,
        List,
        Table,
        TokenRequest,
        TokenReview,
    }

    private ref struct Run(ReadOnlySpan<byte> document, IBufferWriter<byte> output)
    {
        private readonly ReadOnlySpan<byte> _document = document;
        private readonly IBufferWriter<byte> _output = output;
        private int _copied;
        private bool _isChanged;

        public static bool Member(ref JsonTokens tokens) => tokens.Read() && tokens.Kind == JsonTokenType.PropertyName;

        /// <summary>Writes what is left, when anything was changed.</summary>
        public readonly bool Rest()
        {
            if (_isChanged) _output.Write(_document[_copied..]);
            return _isChanged;
        }

        public bool Document(ref JsonTokens tokens, bool areSecrets)
        {
            if (tokens.Kind != JsonTokenType.StartObject)
            {
                tokens.Skip();
                return false;
            }
            var kind = KindOf(tokens);
            switch (kind)
            {
                case Kind.Table:
                    Items(ref tokens, "rows"u8, areSecrets, inRows: true);
                    return true;
                case Kind.List or Kind.SecretList:
                    Items(ref tokens, "items"u8, areSecrets || kind is Kind.SecretList, inRows: false);
                    return false;
                default:
                    Object(ref tokens, areSecrets || kind is Kind.Secret, kind);
                    return false;
            }
        }

        // A copy looks ahead; the kind is mostly the first member, and in the items of a list it is in none.
        private static Kind KindOf(JsonTokens tokens)
        {
            while (Member(ref tokens))
            {
                var isKind = tokens.Is("kind"u8);
                tokens.Read();
                if (isKind) return tokens.Kind == JsonTokenType.String ? KindOf(tokens.IsEscaped ? tokens.Unescaped(new byte[tokens.Value.Length]) : tokens.Value) : Kind.Other;
                tokens.Skip();
            }
            return Kind.Other;
        }

        private static Kind KindOf(ReadOnlySpan<byte> name) =>
            name.SequenceEqual("Secret"u8) ? Kind.Secret
            : name.SequenceEqual("SecretList"u8) ? Kind.SecretList
            : name.EndsWith("List"u8) ? Kind.List
            : name.SequenceEqual("Table"u8) ? Kind.Table
            : name.SequenceEqual("TokenRequest"u8) ? Kind.TokenRequest
            : name.SequenceEqual("TokenReview"u8) ? Kind.TokenReview
            : Kind.Other;

        private void Items(ref JsonTokens tokens, ReadOnlySpan<byte> member, bool areSecrets, bool inRows)
        {
            while (Member(ref tokens))
            {
                if (tokens.Is("metadata"u8))
                {
                    Metadata(ref tokens, areSecrets);
                    continue;
                }
                var isHere = tokens.Is(member);
                tokens.Read();
                if (!isHere || tokens.Kind != JsonTokenType.StartArray)
                {
                    tokens.Skip();
                    continue;
                }
                while (tokens.Read() && tokens.Kind != JsonTokenType.EndArray)
                {
                    if (tokens.Kind != JsonTokenType.StartObject) tokens.Skip();
                    else if (inRows) Row(ref tokens, areSecrets);
                    else Item(ref tokens, areSecrets);
                }
            }
        }

        private void Row(ref JsonTokens tokens, bool areSecrets)
        {
            while (Member(ref tokens))
            {
                var isObject = tokens.Is("object"u8);
                tokens.Read();
                if (isObject && tokens.Kind == JsonTokenType.StartObject) Item(ref tokens, areSecrets);
                else tokens.Skip();
            }
        }

        private void Item(ref JsonTokens tokens, bool areSecrets)
        {
            var kind = KindOf(tokens);
            Object(ref tokens, areSecrets || kind is Kind.Secret, kind);
        }

        private void Object(ref JsonTokens tokens, bool isSecret, Kind kind)
        {
            while (Member(ref tokens))
            {
                if (tokens.Is("metadata"u8)) Metadata(ref tokens, isSecret);
                else if (isSecret && tokens.Is("data"u8)) Values(ref tokens, "\"W21hc2tlZDpzZWNyZXRd\""u8);
                else if (isSecret && tokens.Is("stringData"u8)) Values(ref tokens, "\"[masked:secret]\""u8);
                else if (kind is Kind.TokenRequest && tokens.Is("status"u8)) Named(ref tokens, "token"u8);
                else if (kind is Kind.TokenReview && tokens.Is("spec"u8)) Named(ref tokens, "token"u8);
                else tokens.Skip();
            }
        }

        private void Metadata(ref JsonTokens tokens, bool isSecret)
        {
            if (!Enters(ref tokens)) return;
            while (Member(ref tokens))
            {
                if (tokens.Is("managedFields"u8)) Replace(ref tokens, "[]"u8);
                else if (isSecret && tokens.Is("annotations"u8)) Annotations(ref tokens);
                else tokens.Skip();
            }
        }

        private void Annotations(ref JsonTokens tokens)
        {
            if (!Enters(ref tokens)) return;
            while (Member(ref tokens))
            {
                // An empty object: what kubectl compares with stays readable to it.
                if (tokens.Is(LastAppliedName)) Replace(ref tokens, "\"{}\""u8);
                else tokens.Skip();
            }
        }

        private void Values(ref JsonTokens tokens, ReadOnlySpan<byte> instead)
        {
            tokens.Read();
            if (tokens.Kind == JsonTokenType.Null) return;
            if (tokens.Kind != JsonTokenType.StartObject)
            {
                Put(ref tokens, "null"u8);
                return;
            }
            while (Member(ref tokens)) Replace(ref tokens, instead);
        }

        private void Named(ref JsonTokens tokens, ReadOnlySpan<byte> member)
        {
            if (!Enters(ref tokens)) return;
            while (Member(ref tokens))
            {
                if (tokens.Is(member)) Replace(ref tokens, "\"[masked:secret]\""u8);
                else tokens.Skip();
            }
        }

        /// <summary>Reads on to the value that comes next: into it when it is an object, else behind it.</summary>
        private static bool Enters(ref JsonTokens tokens)
        {
            tokens.Read();
            if (tokens.Kind == JsonTokenType.StartObject) return true;
            tokens.Skip();
            return false;
        }

        /// <summary>Puts something in the place of the value that comes next; null stays null.</summary>
        private void Replace(ref JsonTokens tokens, ReadOnlySpan<byte> instead)
        {
            tokens.Read();
            if (tokens.Kind != JsonTokenType.Null) Put(ref tokens, instead);
        }

        private void Put(ref JsonTokens tokens, ReadOnlySpan<byte> instead)
        {
            var start = tokens.Start;
            tokens.Skip();
            _output.Write(_document[_copied..start]);
            _output.Write(instead);
            _copied = tokens.End;
            _isChanged = true;
        }
    }
}

/// <summary>What a document was found to be.</summary>
/// <param name="IsTable">A table, whose cells no path of a mask leads to.</param>
/// <param name="IsChanged">Something was taken out of it.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ScrubbedObject(bool IsTable, bool IsChanged);
