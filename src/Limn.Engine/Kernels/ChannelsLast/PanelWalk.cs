using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>A line of results, one step apart, and where the windows that give them start.</summary>
/// <param name="a">The window of the first result.</param>
/// <param name="y">The first result.</param>
/// <param name="from">The first segment of the windows that is not padding.</param>
/// <param name="to">The end of the segments that are not padding.</param>
/// <param name="rows">Where results are blocks: the rows of a block that are within the tensor.</param>
internal readonly unsafe struct Line(float* a, float* y, int from, int to, int rows = 1)
{
    public int Rows => rows;

    public float* A => a;

    public float* Y => y;

    public int From => from;

    public int To => to;
}

/// <summary>Lines of results that one worker computes together.</summary>
internal unsafe ref struct Strip
{
    public ReadOnlySpan<Line> Lines;

    /// <summary>Results of a line.</summary>
    public int Positions;

    /// <summary>Floats from one window to the next.</summary>
    public nint AStep;

    /// <summary>Floats from one position of the result to the next.</summary>
    public nint YStep;

    /// <summary>Bytes from the start of a window to each of its segments.</summary>
    public ReadOnlySpan<nint> Segments;

    /// <summary>Floats of a segment.</summary>
    public int SegmentLength;

    /// <summary>Whether the first panel finds the windows far away, so that its tiles bring those of the next rather than the next panel.</summary>
    public bool IsFar;

    /// <summary>Where results are blocks of positions: floats from a row of a block to the next; 0 where they are not.</summary>
    public nint BlockRow;

    /// <summary>Where results are blocks: floats of a line from its first result to its end, which the last block may reach beyond.</summary>
    public nint LineFloats;

    /// <summary>Where results are blocks: channels of a position.</summary>
    public int BlockChannels;
}

/// <summary>Runs the register tiles of a strip, panel by panel.</summary>
internal static unsafe class PanelWalk
{
    /// <summary>Bytes of a panel above which its depth is cut: so much stays in the second-level cache beside a strip of A.</summary>
    public const int PanelBytes = 1 << 20;

    /// <summary>Floats of a row above which a product's depth is cut.</summary>
    public const int RowDepth = 2048;

    public static void Run(in Strip strip, PackedFilter w, int part, int group, int firstPanel, int endPanel, float* y, in Epilogue epilogue)
    {
        switch (w.Vectors)
        {
            case VectorWidth.Vector512: PanelWalk<Lane512, Vector512<float>>.Run(strip, w, part, group, firstPanel, endPanel, y, epilogue); break;
            case VectorWidth.Vector256: PanelWalk<Lane256, Vector256<float>>.Run(strip, w, part, group, firstPanel, endPanel, y, epilogue); break;
            case VectorWidth.Vector128: PanelWalk<Lane128, Vector128<float>>.Run(strip, w, part, group, firstPanel, endPanel, y, epilogue); break;
            default: PanelWalk<LaneScalar, float>.Run(strip, w, part, group, firstPanel, endPanel, y, epilogue); break;
        }
    }
}

internal static unsafe class PanelWalk<TLane, TVector>
    where TLane : struct, ILane<TVector>
    where TVector : unmanaged
{
    private const int MostPanelWidth = 3 * 16;

    /// <summary>Computes the panels [firstPanel, endPanel) of a strip; y is the whole result, which the lines are parts of and the epilogue's tensors are laid out like.</summary>
    public static void Run(in Strip strip, PackedFilter w, int part, int group, int firstPanel, int endPanel, float* y, in Epilogue epilogue)
    {
        float* start = stackalloc float[MostPanelWidth];
        float* buffer = stackalloc float[2 * RegisterTile<TLane, TVector>.MostRows * MostPanelWidth];
        var (low, high) = epilogue.Activation switch
        {
            Activation.None => (float.NegativeInfinity, float.PositiveInfinity),
            Activation.Relu => (0, float.PositiveInfinity),
            _ => (epilogue.Low, epilogue.High),
        };
        int count = strip.Segments.Length, length = strip.SegmentLength, pieces = Pieces(strip);
        var work = new TileWork
        {
            AStep = strip.AStep * sizeof(float), Low = low, High = high, GateLow = epilogue.GateLow, GateHigh = epilogue.GateHigh,
            Residual = epilogue.Residual == null ? 0 : (nint)(epilogue.Residual - y), Gate = epilogue.Gate == null ? 0 : (nint)(epilogue.Gate - y),
        };
        fixed (nint* segments = strip.Segments)
        {
            for (int piece = 0; piece < pieces; piece++)
            {
                int units = count > 1 ? count : length, from = (int)((long)units * piece / pieces), to = (int)((long)units * (piece + 1) / pieces);
                for (int panel = firstPanel; panel < endPanel; panel++)
                {
                    int first = 2 * panel * TLane.Width, vectors = w.PanelVectors(panel), width = vectors * TLane.Width, real = Math.Min(width, w.Outputs - first);
                    int channel = group * w.Outputs + first;
                    for (int i = 0; i < width; i++) start[i] = epilogue.Bias != null && i < real ? epilogue.Bias[strip.BlockRow == 0 ? channel + i : i % strip.BlockChannels] : 0;
                    var walk = new Panel(vectors, real, buffer, w.Panel(part, group, panel), channel, &work);
                    if (count > 1) walk.Piece(from, to, 0, length, piece == 0);
                    else walk.Piece(0, count, from, to - from, piece == 0);
                    walk.BringsA = strip.IsFar && walk.Length > 0 && (panel == firstPanel || pieces > 1);
                    work.SegmentLength = walk.Length;
                    work.LastCount = strip.BlockRow == 0 ? real - (vectors - 1) * TLane.Width : TLane.Width;
                    work.YStep = strip.BlockRow == 0 ? strip.YStep : width;
                    work.HasResidual = piece == 0 && epilogue.Residual != null;
                    work.HasGate = piece == pieces - 1 && epilogue.Gate != null;
                    work.IsClipped = piece == pieces - 1 && epilogue.Activation != Activation.None;
                    if (strip.BlockRow != 0)
                    {
                        (walk.HasResidual, walk.HasGate, walk.IsClipped) = (work.HasResidual, work.HasGate, work.IsClipped);
                        work.HasResidual = work.HasGate = work.IsClipped = false;
                    }
                    work.Start = work.SecondStart = start;
                    work.StartStep = piece == 0 ? 0 : real < width ? width : strip.YStep;
                    Foresee(strip, w, part, group, panel + 1 < endPanel ? panel + 1 : firstPanel, ref walk);
                    Tiles(strip, segments, ref walk);
                }
            }
        }
    }

    /// <summary>
    /// Into how many pieces the depth is cut: none as a rule. It depends on the depth alone, since a cut rounds nothing but decides where the residual is added.
    /// </summary>
    /// <remarks>Windows overlap, so that only the panel must fit in the cache; the rows of a product do not, and take as much as the panel or more.</remarks>
    private static int Pieces(in Strip strip)
    {
        int count = strip.Segments.Length, most = PanelWalk.PanelBytes / (2 * TLane.Width * sizeof(float));
        if (strip.BlockRow != 0) return 1;
        if (count <= 1) return Math.Max(1, (strip.SegmentLength + PanelWalk.RowDepth - 1) / PanelWalk.RowDepth);
        return (int)Math.Clamp(((long)count * strip.SegmentLength + most - 1) / most, 1, count);
    }

    /// <summary>Spreads the panel that comes next evenly over the tiles of this one; what is there already costs nothing.</summary>
    private static void Foresee(in Strip strip, PackedFilter w, int part, int group, int next, ref Panel panel)
    {
        int most = 2 * RegisterTile<TLane, TVector>.GroupRows(panel.Vectors);
        long tiles = ((long)strip.Lines.Length * strip.Positions + most - 1) / most;
        panel.Next = (byte*)(w.Panel(part, group, next) + ((nint)panel.From * strip.SegmentLength + panel.Skip) * w.PanelVectors(next) * TLane.Width);
        panel.NextStep = (nint)(w.PanelVectors(next) * TLane.Width * sizeof(float) / Math.Max(1, tiles));
    }

    /// <summary>Cuts the lines into groups of rows of nearly the same size, and computes them two and two: neighbours in a line, or the same of two lines.</summary>
    private static void Tiles(in Strip strip, nint* segments, ref Panel panel)
    {
        int most = RegisterTile<TLane, TVector>.GroupRows(panel.Vectors), groups = (strip.Positions + most - 1) / most;
        if (groups == 0) return;
        var (rows, longer) = Math.DivRem(strip.Positions, groups);
        ReadOnlySpan<Line> lines = strip.Lines;
        int line = 0;
        if (longer != 0 || groups % 2 != 0)
        {
            for (; line + 1 < lines.Length; line += 2)
            {
                for (int g = 0; g < groups; g++)
                {
                    int at = g * rows + Math.Min(g, longer);
                    Tile(strip, segments, ref panel, lines[line], at, lines[line + 1], at, g < longer ? rows + 1 : rows, groups: 2);
                }
            }
        }
        for (; line < lines.Length; line++)
        {
            for (int g = 0; g < groups; g++)
            {
                int at = g * rows + Math.Min(g, longer), size = g < longer ? rows + 1 : rows;
                bool two = g + 1 < groups && (g + 1 < longer || g >= longer);
                Tile(strip, segments, ref panel, lines[line], at, lines[line], two ? at + size : at, size, two ? 2 : 1);
                if (two) g++;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile(in Strip strip, nint* segments, ref Panel panel, in Line first, int firstAt, in Line second, int secondAt, int rows, int groups)
    {
        int from = Math.Max(panel.From, Math.Min(first.From, second.From)), to = Math.Min(panel.To, Math.Max(first.To, second.To));
        int width = panel.Vectors * TLane.Width;
        TileWork* work = panel.Work;
        work->A = first.A + firstAt * strip.AStep + panel.Skip;
        work->SecondA = second.A + secondAt * strip.AStep + panel.Skip;
        work->Segments = segments + from;
        work->SegmentCount = to - from;
        work->B = panel.B + ((nint)from * strip.SegmentLength + panel.Skip) * width;
        float* y = first.Y + firstAt * strip.YStep + panel.Channel, secondY = second.Y + secondAt * strip.YStep + panel.Channel;
        if (panel.BringsA)
        {
            work->Next = (byte*)work->A + groups * rows * work->AStep;
            work->NextStep = groups * rows * work->AStep / panel.Length;
        }
        else
        {
            work->Next = panel.Next;
            work->NextStep = panel.NextStep;
            panel.Next += panel.NextStep * ((nint)(to - from) * panel.Length);
        }
        if (strip.BlockRow != 0)
        {
            work->Y = panel.Buffer;
            work->SecondY = panel.Buffer + rows * width;
            RegisterTile<TLane, TVector>.Kernel(groups, rows, panel.Vectors, whole: panel.Real == width || strip.BlockRow != 0)(work);
            Scatter(strip, panel, first, firstAt, rows, width, work->Y);
            if (groups == 2) Scatter(strip, panel, second, secondAt, rows, width, work->SecondY);
            return;
        }
        work->Y = y;
        work->SecondY = secondY;
        if (!panel.IsFirst)
        {
            work->Start = y;
            work->SecondStart = secondY;
            if (panel.Real < width)
            {
                work->Start = panel.Buffer;
                work->SecondStart = panel.Buffer + rows * width;
                Fetch(panel, rows, y, strip.YStep, work->Start);
                if (groups == 2) Fetch(panel, rows, secondY, strip.YStep, work->SecondStart);
            }
        }
        RegisterTile<TLane, TVector>.Kernel(groups, rows, panel.Vectors, whole: panel.Real == width || strip.BlockRow != 0)(work);
    }

    /// <summary>Brings the sums so far of a panel that ends within a vector.</summary>
    private static void Fetch(in Panel panel, int rows, float* y, nint step, float* buffer)
    {
        for (int r = 0; r < rows; r++, y += step)
        {
            for (int v = 0; v < panel.Vectors; v++, buffer += TLane.Width) TLane.Store(Load(y + v * TLane.Width, panel.Real - v * TLane.Width), buffer);
        }
    }

    /// <summary>Puts each row of blocks where it belongs, finished; the depth of blocks is never cut.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scatter(in Strip strip, in Panel panel, Line line, int at, int count, int width, float* buffer)
    {
        TVector low = TLane.Broadcast(panel.Work->Low), high = TLane.Broadcast(panel.Work->High);
        for (int end = at + count; at < end; at++, buffer += width)
        {
            int run = (int)Math.Min(strip.YStep, strip.LineFloats - at * strip.YStep);
            for (int r = 0; r < line.Rows; r++)
            {
                float* to = line.Y + at * strip.YStep + r * strip.BlockRow;
                TVector sum = Load(buffer + r * strip.YStep, run);
                if (panel.HasResidual) sum = TLane.Add(sum, Load(to + panel.Work->Residual, run));
                if (panel.IsClipped) sum = TLane.Clip(sum, low, high);
                if (panel.HasGate) sum = TLane.Gate(sum, Load(to + panel.Work->Gate, run), TLane.Broadcast(panel.Work->GateLow), TLane.Broadcast(panel.Work->GateHigh));
                if (run >= TLane.Width) TLane.Store(sum, to);
                else TLane.StoreFirst(sum, to, run);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Load(float* from, int count) => count >= TLane.Width ? TLane.Load(from) : TLane.LoadFirst(from, count);

    /// <summary>A panel, what happens to its results, and the part of its depth that is being computed.</summary>
    private struct Panel(int vectors, int real, float* buffer, float* b, int channel, TileWork* work)
    {
        public readonly int Vectors = vectors;

        /// <summary>Channels that are there: fewer than the vectors hold where the last is not full.</summary>
        public readonly int Real = real;

        public readonly float* Buffer = buffer;
        public readonly float* B = b;
        public readonly int Channel = channel;

        /// <summary>What the tiles are told; most of it is the same for all.</summary>
        public readonly TileWork* Work = work;

        /// <summary>What happens to blocks as they are put where they belong, rather than in the tiles.</summary>
        public bool HasResidual, HasGate, IsClipped;

        public bool IsFirst, BringsA;
        public int From, To, Skip, Length;

        /// <summary>What the tiles bring into the second-level cache as they go: the panel that comes after this one.</summary>
        public byte* Next;

        public nint NextStep;

        public void Piece(int from, int to, int skip, int length, bool isFirst) => (From, To, Skip, Length, IsFirst) = (from, to, skip, length, isFirst);
    }
}
