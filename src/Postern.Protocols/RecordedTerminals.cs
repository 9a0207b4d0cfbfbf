namespace Postern.Protocols;

/// <summary>Reads recorded streams of commands by the name of their protocol.</summary>
public static class RecordedTerminals
{
    /// <summary>What happened on the stream, in order; null when the frames are none of a stream. Never throws: what cannot be read ends it.</summary>
    /// <param name="protocol">The connection's protocol, as the record names it.</param>
    /// <param name="frames">What went either way, as the record keeps it, in its order.</param>
    public static IReadOnlyList<TerminalMoment>? Read(string protocol, IEnumerable<ReadOnlyMemory<byte>> frames) => protocol switch
    {
        Kubernetes.KubernetesVocabulary.ProtocolName => Kubernetes.Streams.StreamEventText.Read(frames),
        _ => null,
    };
}

/// <summary>One moment of a recorded stream.</summary>
/// <param name="At">Since it was opened.</param>
/// <param name="Stream"><c>stdout</c>, <c>stderr</c>, <c>stdin</c>, <c>resize</c> (text <c>COLUMNSxROWS</c>) or <c>error</c> (text: how the command ended).</param>
/// <param name="Content">What went over it, in UTF-8 where it is text.</param>
public sealed record TerminalMoment(TimeSpan At, string Stream, ReadOnlyMemory<byte> Content);
