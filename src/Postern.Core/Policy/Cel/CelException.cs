namespace Postern.Core.Policy.Cel;

/// <summary>A condition that cannot be loaded: what is wrong and at which character (from 0).</summary>
internal sealed class CelException(int offset, string message) : Exception(message)
{
    public int Offset { get; } = offset;
}
