//! The site as it is defined: site file, distribution points, settings table.
