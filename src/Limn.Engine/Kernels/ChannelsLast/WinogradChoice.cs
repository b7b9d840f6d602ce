namespace Limn.Engine.Kernels.ChannelsLast;

internal static unsafe partial class WinogradConvolution
{
    // Measured on a server processor with 512-bit vectors: of two multiply-adds a cycle, what the products reach; cycles to transform
    // a vector of channels of a tile in and out, most of them spent on the caches; bytes of weights a cycle from the last-level cache.
    private const double Efficiency = 0.9;
    private const double Transform2 = 190;
    private const double Transform4 = 600;
    private const double WeightBytesPerCycle = 12;

    /// <summary>The tile with which a convolution is likely to be fastest: 2, 4, or 0 for the direct sum.</summary>
    /// <remarks>
    /// It weighs multiply-adds, transforms and the reading of weights: small images leave much of a tile unused, and have to read
    /// 16/9 or 4 times the weights; with few channels the transforms cost more than the products save.
    /// A convolution that <see cref="Suits"/> does not take is done directly.
    /// </remarks>
    public static int Choose(in ConvolutionShape shape)
    {
        if (!Suits(shape) || shape.OutputLength == 0) return 0;
        double direct = DirectCycles(shape), two = Cycles(shape, 2, Transform2), four = Cycles(shape, 4, Transform4);
        return direct <= Math.Min(two, four) ? 0 : two <= four ? 2 : 4;
    }

    /// <summary>Cycles of one thread for the direct sum.</summary>
    internal static double DirectCycles(in ConvolutionShape shape)
    {
        double pairs = (double)shape.InChannels * RoundUp(shape.OutChannels);
        return 9 * pairs * shape.Batch * shape.OutputPositions / MultiplyAdds(8) + 9 * sizeof(float) * pairs / WeightBytesPerCycle;
    }

    internal static double Cycles(in ConvolutionShape shape, int tile, double transform)
    {
        int width = (int)VectorWidths.Best;
        long tiles = (long)shape.Batch * Tiles(shape.Height.Output, tile) * Tiles(shape.Width.Output, tile);
        double points = (tile + 2) * (tile + 2), pairs = (double)shape.InChannels * RoundUp(shape.OutChannels);
        int blocks = WinogradBlocking.Of((int)Math.Min(tiles, int.MaxValue), shape.InChannels, shape.OutChannels, (int)points, 1).Blocks;
        double products = points * pairs * tiles / MultiplyAdds(tiles);
        double transforms = transform / 2 * tiles * ((RoundUp(shape.InChannels) + RoundUp(shape.OutChannels)) / (double)width);
        return products + transforms + blocks * points * sizeof(float) * pairs / WeightBytesPerCycle;
    }

    /// <summary>Multiply-adds a cycle: a group of fewer than four tiles has fewer sums than are needed to hide the latency of one.</summary>
    private static double MultiplyAdds(long rows) => 2 * (int)VectorWidths.Best * Efficiency * Math.Min(1, rows / 4.0);

    private static int Tiles(int outputs, int tile) => (outputs + tile - 1) / tile;

    private static int RoundUp(int channels) => (channels + (int)VectorWidths.Best - 1) / (int)VectorWidths.Best * (int)VectorWidths.Best;
}
