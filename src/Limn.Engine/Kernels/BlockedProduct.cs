using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Limn.Engine.Kernels;

/// <summary>C = alpha * A * B + beta * S by blocks that fit the caches, in parallel over blocks of C. S is C as it was, or a row that is the same for all rows of C.</summary>
/// <remarks>
/// The depth is cut into blocks of one size for every element, and the columns and rows of C only at multiples of a tile, so the
/// number of threads changes who computes an element and never how. Blocking as in Goto, van de Geijn: Anatomy of
/// High-Performance Matrix Multiplication, ACM TOMS 34(3), 2008, except that A is packed only where it is stored transposed: its elements are
/// broadcast one by one, which is as fast from rows where they lie.
/// </remarks>
internal static unsafe class BlockedProduct
{
    /// <summary>Depth of a block: a panel of B (3 vectors wide) then stays in the first-level cache.</summary>
    public const int DepthBlock = 256;

    private const int PanelsPerBlock = 10;
    private const int RowsPerPass = 128;

    /// <summary>Multiply-adds below which another thread costs more than it brings.</summary>
    private const long WorthAThread = 1 << 17;

    public static void Run<TRight>(
        VectorWidth width, int m, int n, int k, float alpha, LeftOperand a, TRight b, float beta, float* c, nint ldc,
        ReadOnlySpan<float> rowStart, Workers workers, float* bias = null)
        where TRight : struct, IRightOperand
    {
        fixed (float* start = rowStart)
        {
            var product = new Product<TRight>(m, n, k, alpha, a, b, beta, c, ldc, rowStart.IsEmpty ? null : start, bias);
            switch (width)
            {
                case VectorWidth.Vector512: Run<Lane512, Vector512<float>, TRight>(product, workers); break;
                case VectorWidth.Vector256: Run<Lane256, Vector256<float>, TRight>(product, workers); break;
                case VectorWidth.Vector128: Run<Lane128, Vector128<float>, TRight>(product, workers); break;
                default: Run<LaneScalar, float, TRight>(product, workers); break;
            }
        }
    }

    private static void Run<TLane, TVector, TRight>(Product<TRight> product, Workers workers)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
        where TRight : struct, IRightOperand
    {
        int panelWidth = PanelWidth<TLane, TVector>(product.N);
        int panels = (product.N + panelWidth - 1) / panelWidth, tileRows = (product.M + TLane.TileRows - 1) / TLane.TileRows;
        int panelsPerBlock = Math.Min(panels, PanelsPerBlock), tileRowsPerBlock = tileRows;
        long threads = Math.Min(workers.Count, (long)product.M * product.N * product.K / WorthAThread);
        if (threads > 1)
        {
            // Columns are cut first: a thread that takes other columns packs other columns, while cutting rows packs the same ones twice.
            long wanted = 3 * threads;
            panelsPerBlock = (int)Math.Clamp(panels / wanted, 1, PanelsPerBlock);
            long columnBlocks = (panels + panelsPerBlock - 1) / panelsPerBlock;
            if (columnBlocks < threads) tileRowsPerBlock = (int)Math.Clamp(tileRows * columnBlocks / wanted, Math.Min(tileRows, 2), tileRows);
        }
        int blocks = (panels + panelsPerBlock - 1) / panelsPerBlock, rowBlocks = (tileRows + tileRowsPerBlock - 1) / tileRowsPerBlock;
        if (blocks * rowBlocks == 1 || threads <= 1)
        {
            for (int i = 0; i < blocks * rowBlocks; i++) Block(i);
        }
        else
        {
            workers.For(blocks * rowBlocks, Block);
        }

        void Block(int index)
        {
            int j = index / rowBlocks * panelsPerBlock * panelWidth, i = index % rowBlocks * tileRowsPerBlock * TLane.TileRows;
            Run<TLane, TVector, TRight>(
                product, i, Math.Min(product.M, i + tileRowsPerBlock * TLane.TileRows), j, Math.Min(product.N, j + panelsPerBlock * panelWidth));
        }
    }

    private static void Run<TLane, TVector, TRight>(in Product<TRight> product, int fromRow, int toRow, int fromColumn, int toColumn)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
        where TRight : struct, IRightOperand
    {
        int panelWidth = PanelWidth<TLane, TVector>(product.N), depthBlock = DepthBlockOf(product.K), panels = (toColumn - fromColumn + panelWidth - 1) / panelWidth;
        float beta = product.Beta;
        if (product.RowStart != null)
        {
            for (int i = fromRow; i < toRow; i++) new Span<float>(product.C + i * product.Ldc + fromColumn, toColumn - fromColumn).Fill(product.RowStart[i]);
            beta = 1;
        }

        // With a tile or two of rows each panel is used so seldom that packing it would cost more than reading it where it lies.
        float* inPlace = product.B.InPlace(out nint inPlaceStep);
        if (toRow - fromRow > 2 * TLane.TileRows) inPlace = null;
        // A transposed A has one depth a row; a pass over it would touch a line, and often a page, for every few numbers.
        bool packLeft = product.A.Row == 1 && product.A.Step > TLane.TileRows && toRow - fromRow > 1;
        using var scratch = new Scratch((long)panelWidth * depthBlock * (inPlace == null ? panels : 1) + Patches.Overrun);
        using var leftScratch = new Scratch(packLeft ? (RowsPerPass + 8L) * depthBlock : 0);
        for (int p = 0; p < product.K; p += depthBlock)
        {
            int depth = Math.Min(depthBlock, product.K - p);
            if (inPlace == null)
            {
                for (int panel = 0; panel < panels; panel++)
                {
                    int column = fromColumn + panel * panelWidth;
                    Pack<TLane, TVector, TRight>(product.B, scratch.Pointer + (nint)panel * panelWidth * depth, panelWidth, p, depth, column, Math.Min(panelWidth, toColumn - column));
                }
            }
            for (int row = fromRow; row < toRow; row += RowsPerPass)
            {
                int passEnd = Math.Min(toRow, row + RowsPerPass);
                LeftOperand a = product.A;
                var left = new LeftTiles((nint)(a.Data + row * a.Row + p * a.Step), TLane.TileRows * a.Row, a.Row, a.Step);
                if (packLeft)
                {
                    PackLeft(left, passEnd - row, TLane.TileRows, depth, leftScratch.Pointer);
                    left = new LeftTiles((nint)leftScratch.Pointer, (nint)TLane.TileRows * depth, 1, TLane.TileRows);
                }
                for (int panel = 0; panel < panels; panel++)
                {
                    int column = fromColumn + panel * panelWidth, columns = Math.Min(panelWidth, toColumn - column);
                    float* b = scratch.Pointer + (nint)panel * panelWidth * depth;
                    nint step = panelWidth;
                    if (inPlace != null && columns % TLane.Width == 0)
                    {
                        b = inPlace + p * inPlaceStep + column;
                        step = inPlaceStep;
                    }
                    else if (inPlace != null)
                    {
                        b = scratch.Pointer;
                        Pack<TLane, TVector, TRight>(product.B, b, panelWidth, p, depth, column, columns);
                    }
                    Panel<TLane, TVector, TRight>(product, left, row, passEnd, column, columns, depth, b, step, p == 0 ? product.Bias : null, p == 0 ? beta : 1);
                }
            }
        }
    }

    /// <summary>Packs a panel. What fills up its last vector becomes 0: left as it was in memory it might be numbers too small to be normal, which take the processor a hundred times as long.</summary>
    private static void Pack<TLane, TVector, TRight>(TRight b, float* to, int step, int p0, int depth, int column, int columns)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
        where TRight : struct, IRightOperand
    {
        b.Pack(to, step, p0, depth, column, columns);
        int rest = (TLane.Width - columns % TLane.Width) % TLane.Width;
        for (int p = 0; rest > 0 && p < depth; p++) new Span<float>(to + (nint)p * step + columns, rest).Clear();
    }

    private static void Panel<TLane, TVector, TRight>(
        in Product<TRight> product, LeftTiles tiles, int fromRow, int toRow, int column, int columns, int depth, float* b, nint step, float* bias, float beta)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
        where TRight : struct, IRightOperand
    {
        int vectors = (columns + TLane.Width - 1) / TLane.Width, tileWidth = vectors * TLane.Width;
        float* edge = stackalloc float[8 * 3 * TLane.Width];
        float* left = tiles.Data;
        for (int i = fromRow; i < toRow; i += TLane.TileRows, left += tiles.TileStep)
        {
            int rows = Math.Min(TLane.TileRows, toRow - i);
            float* c = product.C + i * product.Ldc + column, start = bias == null ? c : bias + column;
            nint startStep = bias == null ? product.Ldc : 0;
            if (columns == tileWidth)
            {
                TileKernel<TLane, TVector>.Run(rows, vectors, depth, left, tiles.Row, tiles.Step, b, step, c, product.Ldc, start, startStep, product.Alpha, beta);
                continue;
            }
            TileKernel<TLane, TVector>.Run(rows, vectors, depth, left, tiles.Row, tiles.Step, b, step, edge, tileWidth, edge, tileWidth, product.Alpha, 0);
            for (int r = 0; r < rows; r++)
            {
                float* from = edge + r * tileWidth, to = c + r * product.Ldc, at = start + r * startStep;
                for (int j = 0; j < columns; j++) to[j] = beta == 0 ? from[j] : float.MultiplyAddEstimate(beta, at[j], from[j]);
            }
        }
    }

    /// <summary>Puts the rows of each tile side by side, one group a depth.</summary>
    private static void PackLeft(LeftTiles from, int rows, int tileRows, int depth, float* to)
    {
        for (int first = 0; first < rows; first += tileRows, to += (nint)tileRows * depth)
        {
            int count = Math.Min(tileRows, rows - first);
            float* source = from.Data + first, target = to;
            for (int p = 0; p < depth; p++, source += from.Step, target += tileRows)
            {
                if (count == 8) Vector256.Load(source).Store(target);
                else if (count == 4) Vector128.Load(source).Store(target);
                else for (int r = 0; r < count; r++) target[r] = source[r];
            }
        }
    }

    /// <summary>The tiles of A for one pass: one is TileStep after the last, and in it element (i, p) is at i * Row + p * Step.</summary>
    private readonly record struct LeftTiles(nint Address, nint TileStep, nint Row, nint Step)
    {
        public float* Data => (float*)Address;
    }

    /// <summary>The columns of a panel: equal panels of at most 3 vectors, so that no tile is too narrow to keep the multipliers busy.</summary>
    private static int PanelWidth<TLane, TVector>(int columns)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        int vectors = (columns + TLane.Width - 1) / TLane.Width, panels = (vectors + 2) / 3;
        return (vectors + panels - 1) / panels * TLane.Width;
    }

    /// <summary>Equal blocks, none deeper than <see cref="DepthBlock"/>.</summary>
    private static int DepthBlockOf(int k)
    {
        int blocks = Math.Max(1, (k + DepthBlock - 1) / DepthBlock);
        return Math.Max(1, (k + blocks - 1) / blocks);
    }

    /// <summary>One product. Where RowStart is not null C starts from it, one number a row, and beta is not used; where Bias is not null beta is its factor and not C's.</summary>
    private readonly record struct Product<TRight>(
        int M, int N, int K, float Alpha, LeftOperand A, TRight B, float Beta, nint CAddress, nint Ldc, nint RowStartAddress, nint BiasAddress)
        where TRight : struct, IRightOperand
    {
        public Product(int m, int n, int k, float alpha, LeftOperand a, TRight b, float beta, float* c, nint ldc, float* rowStart, float* bias)
            : this(m, n, k, alpha, a, b, beta, (nint)c, ldc, (nint)rowStart, (nint)bias) { }

        public float* C => (float*)CAddress;
        public float* RowStart => (float*)RowStartAddress;
        public float* Bias => (float*)BiasAddress;
    }
}
