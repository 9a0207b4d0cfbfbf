namespace Postern.Core.Policy;

/// <summary>One policy file as read.</summary>
/// <param name="Path">The file as the operator named it; stands in every message.</param>
/// <param name="Text">Its YAML.</param>
public sealed record PolicyFile(string Path, string Text);
