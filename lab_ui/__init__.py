"""The joint-lab views: live wall, station, alert desk."""
