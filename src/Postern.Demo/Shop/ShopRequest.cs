namespace Postern.Demo.Shop;

/// <summary>One message that reached the shop, exactly as it came: what the acts prove their claims with.</summary>
/// <param name="Method">The JSON-RPC method; empty when the body was not a request.</param>
/// <param name="Tool">The tool of a call, or null.</param>
/// <param name="Body">The bytes.</param>
/// <param name="Headers">Every header, values joined by a comma, except that the shop's own secret is replaced by <c>(shop secret)</c>.</param>
public sealed record ShopRequest(string Method, string? Tool, ReadOnlyMemory<byte> Body, IReadOnlyDictionary<string, string> Headers);
