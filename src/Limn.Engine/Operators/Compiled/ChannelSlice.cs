namespace Limn.Engine.Operators.Compiled;

/// <summary>Some channels of a tensor [N, H, W, C].</summary>
/// <param name="First">The first of them.</param>
/// <param name="Of">How many channels the tensor has.</param>
internal readonly record struct ChannelSlice(int First, int Of);
