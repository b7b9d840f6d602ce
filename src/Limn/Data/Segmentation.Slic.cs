using System.Numerics;
using System.Numerics.Tensors;
using Limn.Engine;

namespace Limn.Data;

public static partial class Segmentation
{
    /// <summary>SLIC superpixels: k-means of colour and place together, each centre seeing only the pixels around it.</summary>
    /// <remarks>
    /// Colours are stretched to 0 to 1 (smallest to largest value of all channels) and taken to CIELAB. Centres start on a regular grid of
    /// step S; a pixel goes to the centre with the smallest D² = (d_colour / m)² + (d_place / S)² of those whose window of ±2 steps holds it, the
    /// first at equal distance; then each centre moves to the mean of its pixels, until nothing changes or <paramref name="iterations"/> are done.
    /// Last, every connected piece (4-neighbours, split where it outgrows the largest size) smaller than the smallest size joins a neighbour.
    /// Achanta et al.: SLIC Superpixels Compared to State-of-the-Art Superpixel Methods, TPAMI 2012, algorithm 1.
    /// As scikit-image 0.19, the window is twice the paper's and centres are not moved off edges at the start.
    /// </remarks>
    /// <param name="picture">Channels, height, width.</param>
    /// <param name="segments">About how many segments; from the number of pixels on, each pixel starts as its own.</param>
    /// <param name="compactness">m: how much place counts against colour. Larger, squarer.</param>
    /// <param name="iterations">The most rounds of k-means.</param>
    /// <param name="sigma">The standard deviation of the smoothing in pixels; 0 for none.</param>
    /// <param name="connected">Whether segments are made connected; without it segments may be in pieces.</param>
    /// <param name="minimumSizeFactor">The smallest size as a share of pixels / centres.</param>
    /// <param name="maximumSizeFactor">The largest size as a multiple of pixels / centres.</param>
    /// <param name="convertToLab">Whether red, green and blue are compared in CIELAB. Null: if there are three channels.</param>
    /// <returns>The segment of each pixel, row by row.</returns>
    /// <exception cref="ShapeMismatchException">The picture has not three dimensions, or no pixels.</exception>
    /// <exception cref="InvalidDataException">The picture holds NaN or infinity.</exception>
    /// <exception cref="InvalidOptionException">An option is out of range, or CIELAB is asked for without three channels.</exception>
    public static int[] Slic(NdArray picture, int segments = 100, double compactness = 10, int iterations = 10, double sigma = 0, bool connected = true,
        double minimumSizeFactor = 0.5, double maximumSizeFactor = 3, bool? convertToLab = null)
    {
        (int height, int width) = Measure(picture);
        if (segments < 1 || iterations < 1) throw new InvalidOptionException($"SLIC needs at least one segment and one iteration; {segments} and {iterations} were given.");
        if (!(compactness > 0) || !double.IsFinite(compactness)) throw new InvalidOptionException($"The compactness of SLIC is a positive number, and {compactness} was given.");
        if (!(sigma >= 0)) throw new InvalidOptionException($"The smoothing of SLIC cannot be negative; sigma {sigma} was given.");
        if (!(minimumSizeFactor >= 0) || !(maximumSizeFactor >= minimumSizeFactor))
            throw new InvalidOptionException($"The size factors of SLIC go from 0 up, the smaller first; {minimumSizeFactor} and {maximumSizeFactor} were given.");

        NdArray colours = Colours(Stretched(picture), convertToLab);
        if (sigma > 0) colours = GaussianBlur.Planes(colours, height, width, sigma, mirror: true);
        var features = new double[picture.Length + Vector<double>.Count]; // a vector may read beyond the last pixel
        TensorPrimitives.ConvertTruncating<float, double>(colours.Floats, features);
        TensorPrimitives.Multiply(features, 1 / compactness, features);

        var clusters = new Clusters(features, picture.Dims[0], height, width, segments);
        bool changed = true;
        for (int i = 0; i < iterations && changed; i++)
        {
            changed = clusters.Assign();
            clusters.Move();
        }
        if (!connected) return FromLabels(clusters.Labels);
        double size = (double)height * width / clusters.Count;
        return Connect(clusters.Labels, height, width, (int)Math.Min(minimumSizeFactor * size, int.MaxValue), (int)Math.Clamp(maximumSizeFactor * size, 1, int.MaxValue));
    }

    private static NdArray Stretched(NdArray picture)
    {
        double low = TensorPrimitives.Min<float>(picture.Floats), high = TensorPrimitives.Max<float>(picture.Floats);
        NdArray stretched = NdArray.Create(ElementType.Float, picture.Dims.ToArray());
        for (int i = 0; i < picture.Length && high > low; i++) stretched.Floats[i] = (float)((picture.Floats[i] - low) / (high - low));
        return stretched;
    }

    private static readonly (int Right, int Down)[] Sides = [(1, 0), (-1, 0), (0, 1), (0, -1)];

    /// <summary>Gives each connected piece its own label, or that of a neighbour if it is too small.</summary>
    /// <remarks>The neighbour is the last one met in the search; only the first piece can have none yet, and it then joins the next piece, which touches it.</remarks>
    private static int[] Connect(int[] labels, int height, int width, int smallest, int largest)
    {
        int[] connected = [.. Enumerable.Repeat(-1, labels.Length)];
        var piece = new int[Math.Min(largest, labels.Length)];
        int next = 0;
        for (int start = 0; start < labels.Length; start++)
        {
            if (connected[start] >= 0) continue;
            connected[start] = next;
            piece[0] = start;
            int size = 1, neighbour = next;
            for (int visited = 0; visited < size && size < largest; visited++)
            {
                int x = piece[visited] % width, y = piece[visited] / width;
                foreach ((int right, int down) in Sides)
                {
                    if ((uint)(x + right) >= (uint)width || (uint)(y + down) >= (uint)height) continue;
                    int at = piece[visited] + right + down * width;
                    if (connected[at] >= 0)
                    {
                        if (connected[at] != next) neighbour = connected[at];
                    }
                    else if (labels[at] == labels[start])
                    {
                        connected[at] = next;
                        piece[size++] = at;
                        if (size == largest) break;
                    }
                }
            }
            if (size >= smallest) next++;
            else foreach (int at in piece.AsSpan(0, size)) connected[at] = neighbour;
        }
        return FromLabels(connected);
    }

    /// <summary>The centres of k-means, and which pixel belongs to which.</summary>
    private sealed class Clusters
    {
        private static readonly int Lanes = Vector<double>.Count;
        private readonly double[] features, distances, owners, centres; // a centre: y, x, colours
        private readonly int channels, height, width, reachDown, reachRight, stride;
        private readonly double placeWeight;

        public Clusters(double[] features, int channels, int height, int width, int segments)
        {
            (this.features, this.channels, this.height, this.width) = (features, channels, height, width);
            ((int first, int step) down, (int first, int step) right) = RegularGrid(height, width, segments);
            int rows = (height - 1 - down.first) / down.step + 1, columns = (width - 1 - right.first) / right.step + 1;
            (Count, stride) = (rows * columns, channels + 2);
            centres = new double[Count * stride]; // colours start at 0, alike for all, so that the first round goes by place
            for (int k = 0; k < Count; k++) (centres[k * stride], centres[k * stride + 1]) = (down.first + k / columns * down.step, right.first + k % columns * right.step);
            int step = Math.Max(down.step, right.step);
            placeWeight = 1.0 / ((double)step * step);
            ((_, int tall), (_, int wide)) = RegularGrid(height, width, Count);
            (reachDown, reachRight) = (2 * tall, 2 * wide);
            (owners, distances, Labels) = (new double[height * width + Lanes], new double[height * width + Lanes], new int[height * width]);
        }

        public int Count { get; }

        public int[] Labels { get; }

        /// <summary>Each pixel to the nearest centre; whether any changed.</summary>
        public bool Assign()
        {
            Array.Fill(distances, double.MaxValue);
            var across = new double[width + Lanes];
            for (int k = 0; k < Count; k++)
            {
                ReadOnlySpan<double> centre = centres.AsSpan(k * stride, stride);
                if (double.IsNaN(centre[0])) continue; // a centre without pixels is out
                int top = (int)Math.Max(centre[0] - reachDown, 0), bottom = (int)Math.Min(centre[0] + reachDown + 1, height);
                int left = (int)Math.Max(centre[1] - reachRight, 0), length = (int)Math.Min(centre[1] + reachRight + 1, width) - left;
                Array.Fill(across, double.PositiveInfinity); // what a vector holds beyond the window is never nearest
                for (int i = 0; i < length; i++) across[i] = (centre[1] - (left + i)) * (centre[1] - (left + i));
                for (int y = top; y < bottom; y++) AssignLine(k, centre, (centre[0] - y) * (centre[0] - y), across, y * width + left, length);
            }
            bool changed = false;
            for (int i = 0; i < Labels.Length; i++)
            {
                int label = (int)owners[i];
                changed |= label != Labels[i];
                Labels[i] = label;
            }
            return changed;
        }

        private void AssignLine(int k, ReadOnlySpan<double> centre, double down, double[] across, int start, int length)
        {
            for (int i = 0; i < length; i += Lanes)
            {
                Vector<double> colour = Vector<double>.Zero;
                for (int c = 0; c < channels; c++)
                {
                    Vector<double> difference = new Vector<double>(features, c * Labels.Length + start + i) - new Vector<double>(centre[c + 2]);
                    colour += difference * difference;
                }
                Vector<double> distance = (new Vector<double>(across, i) + new Vector<double>(down)) * placeWeight + colour;
                Vector<double> before = new(distances, start + i), owner = new(owners, start + i);
                Vector<long> nearer = Vector.LessThan(distance, before);
                Vector.ConditionalSelect(nearer, distance, before).CopyTo(distances, start + i);
                Vector.ConditionalSelect(nearer, new Vector<double>(k), owner).CopyTo(owners, start + i);
            }
        }

        /// <summary>Each centre to the mean of its pixels; NaN without any.</summary>
        public void Move()
        {
            Array.Clear(centres);
            var counts = new int[Count];
            for (int i = 0; i < Labels.Length; i++)
            {
                Span<double> centre = centres.AsSpan(Labels[i] * stride, stride);
                counts[Labels[i]]++;
                centre[0] += i / width;
                centre[1] += i % width;
                for (int c = 0; c < channels; c++) centre[c + 2] += features[c * Labels.Length + i];
            }
            for (int k = 0; k < Count; k++)
                for (int j = 0; j < stride; j++) centres[k * stride + j] /= counts[k];
        }

        /// <summary>Where about n points lie on a grid of equal steps: the first position and the step, downwards and to the right.</summary>
        private static ((int First, int Step) Down, (int First, int Step) Right) RegularGrid(int height, int width, int n)
        {
            double step = Math.Sqrt((double)height * width / n);
            if (step <= 1) return ((0, 1), (0, 1));
            double down = step, right = step;
            if (Math.Min(height, width) < step) // a strip: one point across it
                (down, right) = height <= width ? ((double)height, (double)width / n) : ((double)height / n, (double)width);
            return (Positions(down), Positions(right));
        }

        private static (int First, int Step) Positions(double step) => ((int)(step / 2), (int)Math.Round(step)); // ties to even
    }
}
