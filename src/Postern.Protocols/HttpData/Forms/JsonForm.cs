using System.Buffers;

namespace Postern.Protocols.HttpData.Forms;

/// <summary>JSON is what masks read.</summary>
internal sealed class JsonForm : BodyForm
{
    public static readonly JsonForm Instance = new();

    public override bool IsJson => true;

    public override void ToJson(ReadOnlySpan<byte> body, IBufferWriter<byte> json) => json.Write(body);

    public override void FromJson(ReadOnlySpan<byte> json, IBufferWriter<byte> body) => body.Write(json);
}
