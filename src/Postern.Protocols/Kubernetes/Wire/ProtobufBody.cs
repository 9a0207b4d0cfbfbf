using System.Buffers;
using System.Collections.Frozen;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Postern.Protocols.Kubernetes.Wire;

/// <summary>
/// Bodies in protobuf, for the small kinds that kubectl 1.32 and newer, and helm, write so, as the JSON that is judged and sent in their place: magic,
/// <c>runtime.Unknown</c>, and the object (staging/src/k8s.io/apimachinery/pkg/runtime/serializer/protobuf, and each group's generated.proto). A kind or a field that
/// is not in the table is refused: what it says could not be judged.
/// </summary>
internal static class ProtobufBody
{
    private const int MaxDepth = 16;

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // Per message: number, name, and what it is: s text, b boolean, i integer, t time, y bytes, m text by text, d bytes by text, or a message; `*` marks a list.
    private static readonly FrozenDictionary<string, FrozenDictionary<int, (string Name, string Type, bool IsList)>> s_messages = Read(
        """
        ObjectMeta: 1 name s, 2 generateName s, 3 namespace s, 4 selfLink s, 5 uid s, 6 resourceVersion s, 7 generation i, 8 creationTimestamp t, 9 deletionTimestamp t, 10 deletionGracePeriodSeconds i, 11 labels m, 12 annotations m, 13 ownerReferences *OwnerReference, 14 finalizers *s
        OwnerReference: 1 kind s, 3 name s, 4 uid s, 5 apiVersion s, 6 controller b, 7 blockOwnerDeletion b
        v1/ConfigMap: 1 metadata ObjectMeta, 2 data m, 3 binaryData d, 4 immutable b
        v1/Secret: 1 metadata ObjectMeta, 2 data d, 3 type s, 4 stringData m, 5 immutable b
        v1/Namespace: 1 metadata ObjectMeta, 2 spec NamespaceSpec, 3 status NamespaceStatus
        NamespaceSpec: 1 finalizers *s
        NamespaceStatus: 1 phase s
        v1/ServiceAccount: 1 metadata ObjectMeta, 4 automountServiceAccountToken b
        authentication.k8s.io/v1/TokenRequest: 1 metadata ObjectMeta, 2 spec TokenRequestSpec, 3 status TokenRequestStatus
        TokenRequestSpec: 1 audiences *s, 3 boundObjectRef BoundObjectReference, 4 expirationSeconds i
        BoundObjectReference: 1 kind s, 2 apiVersion s, 3 name s, 4 uid s
        TokenRequestStatus: 1 token s, 2 expirationTimestamp t
        authorization.k8s.io/v1/SelfSubjectAccessReview: 1 metadata ObjectMeta, 2 spec SelfSubjectAccessReviewSpec, 3 status SubjectAccessReviewStatus
        SelfSubjectAccessReviewSpec: 1 resourceAttributes ResourceAttributes, 2 nonResourceAttributes NonResourceAttributes
        ResourceAttributes: 1 namespace s, 2 verb s, 3 group s, 4 version s, 5 resource s, 6 subresource s, 7 name s
        NonResourceAttributes: 1 path s, 2 verb s
        SubjectAccessReviewStatus: 1 allowed b, 2 reason s, 3 evaluationError s, 4 denied b
        authorization.k8s.io/v1/SelfSubjectRulesReview: 1 metadata ObjectMeta, 2 spec SelfSubjectRulesReviewSpec, 3 status SubjectRulesReviewStatus
        SelfSubjectRulesReviewSpec: 1 namespace s
        SubjectRulesReviewStatus: 3 incomplete b, 4 evaluationError s
        rbac.authorization.k8s.io/v1/Role: 1 metadata ObjectMeta, 2 rules *PolicyRule
        rbac.authorization.k8s.io/v1/ClusterRole: 1 metadata ObjectMeta, 2 rules *PolicyRule
        PolicyRule: 1 verbs *s, 2 apiGroups *s, 3 resources *s, 4 resourceNames *s, 5 nonResourceURLs *s
        rbac.authorization.k8s.io/v1/RoleBinding: 1 metadata ObjectMeta, 2 subjects *Subject, 3 roleRef RoleRef
        rbac.authorization.k8s.io/v1/ClusterRoleBinding: 1 metadata ObjectMeta, 2 subjects *Subject, 3 roleRef RoleRef
        Subject: 1 kind s, 2 apiGroup s, 3 name s, 4 namespace s
        RoleRef: 1 apiGroup s, 2 kind s, 3 name s
        policy/v1/Eviction: 1 metadata ObjectMeta, 2 deleteOptions DeleteOptions
        policy/v1beta1/Eviction: 1 metadata ObjectMeta, 2 deleteOptions DeleteOptions
        DeleteOptions: 1 gracePeriodSeconds i, 2 preconditions Preconditions, 3 orphanDependents b, 4 propagationPolicy s, 5 dryRun *s
        Preconditions: 1 uid s, 2 resourceVersion s
        """);

    /// <summary>The body as JSON. False when it is not one of the kinds that are read, or not sound.</summary>
    public static bool TryRead(ReadOnlySpan<byte> body, out ReadOnlyMemory<byte> json)
    {
        json = default;
        if (!body.StartsWith("k8s\0"u8)) return false;
        string apiVersion = "", kind = "";
        ReadOnlySpan<byte> raw = default;
        var unknown = new Fields(body[4..]);
        while (unknown.Next(out var number, out var wire, out _, out var bytes))
        {
            if (wire != 2) return false;
            switch (number)
            {
                case 1:
                    var type = new Fields(bytes);
                    while (type.Next(out var member, out var how, out _, out var text))
                    {
                        if (how != 2 || member is not (1 or 2) || !TryText(text, out var word)) return false;
                        if (member == 1) apiVersion = word;
                        else kind = word;
                    }
                    if (type.IsBroken) return false;
                    break;
                case 2:
                    raw = bytes;
                    break;
                case 3 or 4 when bytes.IsEmpty:
                    break;
                default:
                    return false;
            }
        }
        // The options of a delete are a kind of every group, and the same in each.
        if (unknown.IsBroken || !s_messages.TryGetValue(kind is "DeleteOptions" ? kind : $"{apiVersion}/{kind}", out var known)) return false;
        var output = new ArrayBufferWriter<byte>(body.Length * 2);
        using var writer = new Utf8JsonWriter(output, Options);
        writer.WriteStartObject();
        writer.WriteString("kind", kind);
        writer.WriteString("apiVersion", apiVersion);
        if (!TryMembers(raw, known, writer, 0)) return false;
        writer.WriteEndObject();
        writer.Flush();
        json = output.WrittenMemory;
        return true;
    }

    private static bool TryMembers(ReadOnlySpan<byte> message, FrozenDictionary<int, (string Name, string Type, bool IsList)> known, Utf8JsonWriter writer, int depth)
    {
        if (depth > MaxDepth) return false;
        // Written in the order of their numbers; a number that comes back after another would be a second member of the same name.
        var last = 0;
        var fields = new Fields(message);
        var isOpen = false;
        while (fields.Next(out var number, out var wire, out var value, out var bytes))
        {
            if (!known.TryGetValue(number, out var field) || number < last) return false;
            var isMap = field.Type is "m" or "d";
            if (isOpen && number != last) Close(writer, known[last].Type, ref isOpen);
            if (number == last && !field.IsList && !isMap) return false;
            if (field.Type is "s" && !field.IsList && bytes.IsEmpty && wire == 2)
            {
                last = number;
                continue;
            }
            if (number != last)
            {
                writer.WritePropertyName(field.Name);
                if (field.IsList || isMap)
                {
                    if (isMap) writer.WriteStartObject();
                    else writer.WriteStartArray();
                    isOpen = true;
                }
            }
            last = number;
            if (isMap ? !TryPair(bytes, wire, field.Type is "d", writer) : !TryValue(field.Type, wire, value, bytes, writer, depth)) return false;
        }
        if (isOpen) Close(writer, known[last].Type, ref isOpen);
        return !fields.IsBroken;
    }

    private static void Close(Utf8JsonWriter writer, string type, ref bool isOpen)
    {
        if (type is "m" or "d") writer.WriteEndObject();
        else writer.WriteEndArray();
        isOpen = false;
    }

    private static bool TryValue(string type, int wire, ulong value, ReadOnlySpan<byte> bytes, Utf8JsonWriter writer, int depth)
    {
        switch (type)
        {
            case "s" when wire == 2 && TryText(bytes, out var text):
                writer.WriteStringValue(text);
                return true;
            case "b" when wire == 0 && value <= 1:
                writer.WriteBooleanValue(value == 1);
                return true;
            case "i" when wire == 0:
                writer.WriteNumberValue((long)value);
                return true;
            case "t" when wire == 2:
                return TryTime(bytes, writer);
            default:
                if (wire != 2 || !s_messages.TryGetValue(type, out var known)) return false;
                writer.WriteStartObject();
                if (!TryMembers(bytes, known, writer, depth + 1)) return false;
                writer.WriteEndObject();
                return true;
        }
    }

    private static bool TryPair(ReadOnlySpan<byte> pair, int wire, bool isBytes, Utf8JsonWriter writer)
    {
        if (wire != 2) return false;
        var fields = new Fields(pair);
        if (!fields.Next(out var one, out var how, out _, out var key) || one != 1 || how != 2 || !TryText(key, out var name)) return false;
        if (!fields.Next(out var two, out how, out _, out var value) || two != 2 || how != 2 || fields.Next(out _, out _, out _, out _) || fields.IsBroken) return false;
        if (isBytes)
        {
            writer.WriteBase64String(name, value);
            return true;
        }
        if (!TryText(value, out var text)) return false;
        writer.WriteString(name, text);
        return true;
    }

    private static bool TryTime(ReadOnlySpan<byte> bytes, Utf8JsonWriter writer)
    {
        long seconds = 0;
        var fields = new Fields(bytes);
        var isThere = false;
        while (fields.Next(out var number, out var wire, out var value, out _))
        {
            // Times of objects have whole seconds.
            if (wire != 0 || (number == 2 && value != 0) || number is not (1 or 2)) return false;
            if (number == 1) (seconds, isThere) = ((long)value, true);
        }
        if (fields.IsBroken || seconds is < -62135596800 or > 253402300799) return false;
        if (isThere) writer.WriteStringValue(DateTimeOffset.FromUnixTimeSeconds(seconds).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));
        else writer.WriteNullValue();
        return true;
    }

    private static bool TryText(ReadOnlySpan<byte> bytes, out string text)
    {
        var isText = System.Text.Unicode.Utf8.IsValid(bytes);
        text = isText ? QueryText.StrictUtf8.GetString(bytes) : "";
        return isText;
    }

    private static FrozenDictionary<string, FrozenDictionary<int, (string Name, string Type, bool IsList)>> Read(string table) => table.Split('\n').Select(line => line.Trim().Split(": ")).ToFrozenDictionary(
        line => line[0],
        line => line[1].Split(", ").Select(field => field.Split(' ')).ToFrozenDictionary(field => int.Parse(field[0], CultureInfo.InvariantCulture), field => (field[1], field[2].TrimStart('*'), field[2].StartsWith('*'))),
        StringComparer.Ordinal);

    /// <summary>The fields of one message, in their order.</summary>
    private ref struct Fields(ReadOnlySpan<byte> message)
    {
        private ReadOnlySpan<byte> _rest = message;

        public bool IsBroken { get; private set; }

        public bool Next(out int number, out int wire, out ulong value, out ReadOnlySpan<byte> bytes)
        {
            number = wire = 0;
            value = 0;
            bytes = default;
            if (_rest.IsEmpty || IsBroken) return false;
            IsBroken = true;
            if (!TryVarint(out var key) || key >> 3 is 0 or > 1000) return false;
            (number, wire) = ((int)(key >> 3), (int)(key & 7));
            switch (wire)
            {
                case 0:
                    if (!TryVarint(out value)) return false;
                    break;
                case 2:
                    if (!TryVarint(out var length) || length > (ulong)_rest.Length) return false;
                    bytes = _rest[..(int)length];
                    _rest = _rest[(int)length..];
                    break;
                default:
                    return false;
            }
            IsBroken = false;
            return true;
        }

        private bool TryVarint(out ulong value)
        {
            value = 0;
            for (var shift = 0; shift < 64; shift += 7)
            {
                if (_rest.IsEmpty) return false;
                var piece = _rest[0];
                _rest = _rest[1..];
                value |= (ulong)(piece & 0x7f) << shift;
                // The tenth byte has room for one bit; anything more is another number to another reader.
                if (shift == 63 && piece > 1) return false;
                if (piece < 0x80) return true;
            }
            return false;
        }
    }
}
