namespace Postern.Core.Masking;

/// <summary>Content under a mask could not be parsed, so it is blocked (guarantee G11). The message holds no content.</summary>
public sealed class MaskingException(string message) : Exception(message);
