using System.Text;

namespace Postern.Upstreams.Http2;

/// <summary>
/// Latin-1, but that control characters become <see cref="Control"/>. The platform makes spaces of line breaks before anybody else sees a value; so
/// whoever reads it afterwards can still tell (attack H11).
/// </summary>
internal sealed class HeaderText : Encoding
{
    public static readonly HeaderText Instance = new();

    /// <summary>What stands for a control character; no byte is it otherwise.</summary>
    public const char Control = '\uffff';

    public override int GetByteCount(char[] chars, int index, int count) => count;

    public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) => Latin1.GetBytes(chars, charIndex, charCount, bytes, byteIndex);

    public override int GetCharCount(byte[] bytes, int index, int count) => count;

    public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex)
    {
        for (var i = 0; i < byteCount; i++)
        {
            var one = bytes[byteIndex + i];
            chars[charIndex + i] = one is (< 32 and not (byte)'\t') or 127 ? Control : (char)one;
        }
        return byteCount;
    }

    public override int GetMaxByteCount(int charCount) => charCount;

    public override int GetMaxCharCount(int byteCount) => byteCount;
}
