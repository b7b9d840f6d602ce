using Limn.Engine;

namespace Limn.Data;

public static partial class Segmentation
{
    /// <summary>Felzenszwalb's graph segmentation: neighbouring regions merge where the step between them is not larger than the variation within.</summary>
    /// <remarks>
    /// The picture is smoothed by a Gaussian. The edges between 8-neighbours, their weight the Euclidean distance of the colours, are taken
    /// from the smallest up; two regions merge if the weight is below min(Int(A) + k/|A|, Int(B) + k/|B|), Int being the largest weight
    /// that joined a region, k = scale / 255. Then regions smaller than <paramref name="minimumSize"/> merge over their smallest edge.
    /// Equal weights go by the order of the edges (right, down, down-right, up-right; each row by row). Labels count from 0 in the
    /// order in which regions first appear, row by row. k is for colours of the range 0 to 1, as in scikit-image; other
    /// ranges need another scale. Felzenszwalb, Huttenlocher: Efficient Graph-Based Image Segmentation, IJCV 2004, algorithm 1.
    /// </remarks>
    /// <param name="picture">Channels, height, width.</param>
    /// <param name="scale">How readily regions merge: larger, fewer regions.</param>
    /// <param name="sigma">The standard deviation of the smoothing in pixels; 0 for none.</param>
    /// <param name="minimumSize">The fewest pixels of a region.</param>
    /// <returns>The region of each pixel, row by row.</returns>
    /// <exception cref="ShapeMismatchException">The picture has not three dimensions, or no pixels.</exception>
    /// <exception cref="InvalidDataException">The picture holds NaN or infinity.</exception>
    /// <exception cref="InvalidOptionException">An option is negative.</exception>
    public static int[] Felzenszwalb(NdArray picture, double scale = 100, double sigma = 0.8, int minimumSize = 20)
    {
        (int height, int width) = Measure(picture);
        if (!(scale >= 0) || !(sigma >= 0) || minimumSize < 0)
            throw new InvalidOptionException($"Scale, sigma and minimum size of a segmentation cannot be negative; {scale}, {sigma} and {minimumSize} were given.");
        NdArray smooth = sigma > 0 ? GaussianBlur.Planes(picture, height, width, sigma, mirror: true) : picture;
        (int A, int B, double Weight)[] edges = [.. Edges(smooth, height, width).OrderBy(e => e.Weight)]; // stable: ties by order
        var regions = new Regions(height * width);
        double k = scale / 255;
        foreach (var (pixel, neighbour, weight) in edges)
        {
            int a = regions.Find(pixel), b = regions.Find(neighbour);
            if (a != b && weight < Math.Min(regions.Inner[a] + k / regions.Size[a], regions.Inner[b] + k / regions.Size[b])) regions.Merge(a, b, weight);
        }
        foreach (var (pixel, neighbour, weight) in edges)
        {
            int a = regions.Find(pixel), b = regions.Find(neighbour);
            if (a != b && (regions.Size[a] < minimumSize || regions.Size[b] < minimumSize)) regions.Merge(a, b, weight);
        }
        var roots = new int[height * width];
        for (int i = 0; i < roots.Length; i++) roots[i] = regions.Find(i);
        return FromLabels(roots);
    }

    private static IEnumerable<(int A, int B, double Weight)> Edges(NdArray picture, int height, int width)
    {
        foreach (var (down, right) in ((int, int)[])[(0, 1), (1, 0), (1, 1), (-1, 1)])
            for (int y = Math.Max(0, -down); y < height - Math.Max(0, down); y++)
                for (int x = 0; x < width - right; x++)
                {
                    int a = y * width + x, b = (y + down) * width + x + right;
                    yield return (a, b, Distance(picture, a, b, height * width));
                }
    }

    private static double Distance(NdArray picture, int a, int b, int plane)
    {
        double sum = 0;
        for (int c = 0; c < picture.Dims[0]; c++)
        {
            double difference = (double)picture.Floats[c * plane + a] - picture.Floats[c * plane + b];
            sum += difference * difference;
        }
        return Math.Sqrt(sum);
    }

    /// <summary>Disjoint sets of pixels.</summary>
    private sealed class Regions(int count)
    {
        private readonly int[] parent = [.. Enumerable.Range(0, count)];

        public int[] Size { get; } = [.. Enumerable.Repeat(1, count)];

        /// <summary>The largest weight that joined a region.</summary>
        public double[] Inner { get; } = new double[count];

        public int Find(int i)
        {
            while (parent[i] != i) i = parent[i] = parent[parent[i]];
            return i;
        }

        public void Merge(int a, int b, double weight)
        {
            (int root, int other) = a < b ? (a, b) : (b, a);
            parent[other] = root;
            Size[root] += Size[other];
            Inner[root] = weight;
        }
    }
}
