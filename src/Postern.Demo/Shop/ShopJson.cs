using System.Text.Encodings.Web;
using System.Text.Json;

namespace Postern.Demo.Shop;

/// <summary>How the shop reads and writes JSON.</summary>
internal static class ShopJson
{
    /// <summary>Refuses what two parsers could read differently: duplicate keys, comments, depth.</summary>
    public static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    /// <summary>One line; letters stay as they are.</summary>
    public static readonly JsonSerializerOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
