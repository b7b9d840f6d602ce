namespace Limn.Engine.Compilation;

/// <summary>How a plan is made. Users get the defaults; tests hold one way against another.</summary>
internal sealed record CompileOptions
{
    /// <summary>Whether steps may be joined and laid out otherwise; without, a plan has one step a node.</summary>
    public bool Optimize { get; init; } = true;

    /// <summary>Multiply-adds of all convolutions for one image from which tensors are laid out channels-last; below they are too little work to care, and are computed in double.</summary>
    public long ChannelsLastFrom { get; init; } = 1L << 24;
}
