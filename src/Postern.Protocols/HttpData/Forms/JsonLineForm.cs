using System.Buffers;

namespace Postern.Protocols.HttpData.Forms;

/// <summary>One JSON document on a line of its own.</summary>
internal sealed class JsonLineForm : BodyForm
{
    public static readonly JsonLineForm Instance = new();

    public override void ToJson(ReadOnlySpan<byte> body, IBufferWriter<byte> json) => json.Write(body);

    public override void FromJson(ReadOnlySpan<byte> json, IBufferWriter<byte> body)
    {
        body.Write(json);
        body.Write("\n"u8);
    }
}
