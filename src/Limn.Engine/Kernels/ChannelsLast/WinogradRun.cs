namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>One Winograd convolution: its tiles in blocks, each block transformed, multiplied and transformed back.</summary>
/// <remarks>
/// With few weights, V and M of a block stay in the second-level cache and the threads take a block each. With many, a block has as
/// many tiles as make reading the weights cheap, and the threads share its points: each reads a part of the weights once.
/// </remarks>
internal sealed unsafe class WinogradRun<TLane, TVector, TTile>
    where TLane : struct, ILane<TVector>
    where TVector : unmanaged
    where TTile : struct, IWinogradTile
{
    private const int Chunk = WinogradProduct<TLane, TVector>.Chunk;

    private readonly ConvolutionShape shape;
    private readonly WinogradFilter filter;
    private readonly Epilogue epilogue;
    private readonly float* x;
    private readonly float* y;
    private readonly nint xStep; // floats from a position to the next
    private readonly nint yStep;
    private readonly int tileRows;
    private readonly int tileColumns;
    private readonly int depthPadded;

    public WinogradRun(in ConvolutionShape shape, float* x, WinogradFilter filter, in Epilogue epilogue, float* y, nint xStep, nint yStep)
    {
        this.shape = shape;
        this.filter = filter;
        this.epilogue = epilogue;
        this.x = x;
        this.y = y;
        this.xStep = xStep;
        this.yStep = yStep;
        tileRows = (shape.Height.Output + TTile.Outputs - 1) / TTile.Outputs;
        tileColumns = (shape.Width.Output + TTile.Outputs - 1) / TTile.Outputs;
        depthPadded = (shape.InChannels + Chunk - 1) / Chunk * Chunk;
    }

    private static int PointCount => TTile.Points * TTile.Points;

    public void Run(Workers workers)
    {
        int tiles = checked(shape.Batch * tileRows * tileColumns);
        WinogradBlocking blocking = WinogradBlocking.Of(tiles, shape.InChannels, shape.OutChannels, PointCount, workers.Count);
        if (blocking.Shared)
        {
            for (int b = 0; b < blocking.Blocks; b++) RunBlock(blocking.Start(b, tiles), blocking.Start(b + 1, tiles), workers);
        }
        else
        {
            workers.For(blocking.Blocks, b => RunBlock(blocking.Start(b, tiles), blocking.Start(b + 1, tiles), Workers.Single));
        }
    }

    private void RunBlock(int from, int to, Workers workers)
    {
        int count = to - from;
        int rows = WinogradProduct<TLane, TVector>.MaxRows;
        var block = new WinogradBlock(count, (count + rows - 1) / rows, depthPadded, filter.OutPadded);
        using var scratch = new Scratch(PointCount * (block.InputStep + block.OutputStep));
        float* v = scratch.Pointer, m = v + PointCount * block.InputStep;

        workers.For(block.Groups, group => TransformInput(block, from, group, v));
        int panels = (filter.OutPadded + 2 * TLane.Width - 1) / (2 * TLane.Width);
        int parts = workers.Count == 1 ? 1 : Math.Min(panels, (4 * workers.Count + PointCount - 1) / PointCount);
        workers.For(PointCount * parts, item => Multiply(block, item / parts, panels * (item % parts) / parts, panels * (item % parts + 1) / parts, v, m));
        workers.For(block.Groups, group => TransformOutput(block, from, group, m));
    }

    private void TransformInput(in WinogradBlock block, int from, int group, float* v)
    {
        float* memory = stackalloc float[WinogradInput<TLane, TVector, TTile>.WorkLength + Chunk];
        float* work = Align(memory);
        int start = block.Start(group), rows = block.Start(group + 1) - start;
        for (int r = 0; r < rows; r++)
        {
            (int image, int top, int left) = Place(from + start + r);
            WinogradInput<TLane, TVector, TTile>.Tile(
                x + image * shape.InputPositions * xStep, shape.Height.Input, shape.Width.Input, shape.InChannels, xStep,
                top - shape.Height.PadBegin, left - shape.Width.PadBegin,
                v + (nint)start * depthPadded + r * Chunk, block.InputStep, rows * Chunk, work);
        }
    }

    /// <summary>The panels [first, last) at one point. A panel stays in the cache while the groups pass by.</summary>
    private void Multiply(in WinogradBlock block, int point, int first, int last, float* v, float* m)
    {
        v += point * block.InputStep;
        m += point * block.OutputStep;
        float* u = filter.Panels + point * filter.PointLength;
        for (int panel = first; panel < last; panel++)
        {
            int column = panel * 2 * TLane.Width;
            int vectors = Math.Min(2, (filter.OutPadded - column) / TLane.Width);
            float* these = u + (nint)column * shape.InChannels;
            nint length = (nint)vectors * TLane.Width * shape.InChannels, aheadStep = vectors * TLane.Width / block.Groups;
            for (int group = 0; group < block.Groups; group++)
            {
                int start = block.Start(group), rows = block.Start(group + 1) - start;
                WinogradProduct<TLane, TVector>.Run(
                    rows, vectors, shape.InChannels, v + (nint)start * depthPadded, these, m + (nint)start * filter.OutPadded + column, filter.OutPadded,
                    these + length + group * aheadStep * shape.InChannels, aheadStep);
            }
        }
    }

    private void TransformOutput(in WinogradBlock block, int from, int group, float* m)
    {
        float* memory = stackalloc float[WinogradOutput<TLane, TVector, TTile>.WorkLength + Chunk];
        float* work = Align(memory);
        int end = block.Start(group + 1);
        for (int t = block.Start(group); t < end; t++)
        {
            (int image, int top, int left) = Place(from + t);
            long offset = (((long)image * shape.Height.Output + top) * shape.Width.Output + left) * yStep;
            WinogradOutput<TLane, TVector, TTile>.Tile(
                m + (nint)t * filter.OutPadded, block.OutputStep, y, offset,
                Math.Min(TTile.Outputs, shape.Height.Output - top), Math.Min(TTile.Outputs, shape.Width.Output - left),
                shape.Width.Output, shape.OutChannels, yStep, epilogue, work);
        }
    }

    /// <summary>The image of a tile, and its first output.</summary>
    private (int Image, int Top, int Left) Place(int tile)
    {
        (int line, int column) = Math.DivRem(tile, tileColumns);
        (int image, int row) = Math.DivRem(line, tileRows);
        return (image, row * TTile.Outputs, column * TTile.Outputs);
    }

    private static float* Align(float* memory) => (float*)(((nint)memory + Chunk * sizeof(float) - 1) & ~(nint)(Chunk * sizeof(float) - 1));
}
