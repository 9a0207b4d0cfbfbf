namespace Postern.Protocols;

/// <summary>Reads recorded replies by the name of their protocol.</summary>
public static class RecordedReplies
{
    /// <summary>
    /// What the frames say, in order; null when the protocol's frames are text of their own. Never throws: what cannot be read ends it.
    /// </summary>
    /// <param name="protocol">The connection's protocol, as the record names it.</param>
    /// <param name="frames">What was delivered, as the record keeps it.</param>
    /// <param name="request">What was asked, as the record keeps it.</param>
    public static IReadOnlyList<ReplayItem>? Read(string protocol, IEnumerable<ReadOnlyMemory<byte>> frames, ReadOnlyMemory<byte> request = default) => protocol switch
    {
        Postgres.PostgresOperations.ProtocolName => Postgres.Masking.ReplyText.Read(frames, request),
        Kubernetes.KubernetesVocabulary.ProtocolName => Kubernetes.Streams.StreamEventText.Said(frames),
        _ => null,
    };
}
